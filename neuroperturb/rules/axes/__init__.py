"""One file per axis of a rule: its values, each with its kernel and facts."""
