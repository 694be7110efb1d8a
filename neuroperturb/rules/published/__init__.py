"""Published rules with their own synapse formula."""
