"""How well the update of a rule points along the gradient."""
