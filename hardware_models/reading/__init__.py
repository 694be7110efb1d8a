"""Models of reads: converters, noise and wires."""
