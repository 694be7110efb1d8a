"""The mechanics of an array: its state, the sweep that writes and reads it, pulses, and the mapping of devices to weights."""
