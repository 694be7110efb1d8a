"""Arrays as values: independent copies, and files with one or several arrays as numbers and text."""
