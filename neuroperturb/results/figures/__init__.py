"""Figures of records, in one style."""
