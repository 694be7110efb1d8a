"""The engine: compiled loops around arrays, the state they move, and what drives them."""
