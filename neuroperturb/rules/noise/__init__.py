"""Laws by which perturbations are drawn."""
