"""One axis of a rule a file: its choices, each with all there is to know of it."""
