"""Distributions of perturbations."""
