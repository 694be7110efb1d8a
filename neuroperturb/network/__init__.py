"""The network that learns: its weights, its dynamics, and what decorrelates and whitens its activity."""
