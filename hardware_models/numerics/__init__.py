"""Numbers: compiled functions, records, random numbers, elementary functions, matrix products."""
