"""A chip in the loop: a perturbation is asked for, and what came of it is told; nothing here knows what the chip computes."""
