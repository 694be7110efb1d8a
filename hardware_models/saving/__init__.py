"""Copies of arrays, and files that store one or several arrays as numbers and text."""
