"""Arrays as values: copies of their own, and files that hold one or several as numbers and text."""
