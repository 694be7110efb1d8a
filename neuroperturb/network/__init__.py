"""The network: its weights, its dynamics, and the decorrelation and whitening of its activity."""
