"""Published rules whose synapse has a formula of its own."""
