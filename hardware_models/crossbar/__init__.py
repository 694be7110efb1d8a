"""The mechanics of an array: its state, the sweep that writes and reads it, pulses, and devices that make a weight."""
