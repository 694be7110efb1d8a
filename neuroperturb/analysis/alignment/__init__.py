"""How well what a rule asks for points along the gradient."""
