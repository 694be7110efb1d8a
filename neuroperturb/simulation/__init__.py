"""The engine: compiled loops around arrays, their state, and the code that drives them."""
