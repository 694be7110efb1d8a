"""Results of a run: its record, tables, text and figures."""
