"""How requested changes become pulses."""
