"""Experiments: everything that determines a run, as an object, as a table and as TOML."""
