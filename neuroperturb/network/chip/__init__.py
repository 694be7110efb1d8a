"""What a network runs on: arrays, neurons and the channel of the reward, as objects and as tables."""
