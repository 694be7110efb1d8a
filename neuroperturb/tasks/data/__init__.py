"""Data that ship with the tasks."""
