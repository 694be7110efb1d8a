"""Compiled loops around the scalar formulas of a rule."""
