"""Measuring arrays as a laboratory would: device card, pulse curves, read error, a year on the shelf."""
