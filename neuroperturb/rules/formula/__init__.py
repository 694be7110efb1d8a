"""Scalar formulas of rules: their signatures, and their tracing into a graph."""
