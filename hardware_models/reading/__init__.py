"""How a read happens: converters, noise and wires."""
