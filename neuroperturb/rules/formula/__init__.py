"""Scalar formulas of rules: their signatures, and what they compute, traced into a graph."""
