"""Hardware of a network: arrays, neurons and the reward channel, as objects and as tables."""
