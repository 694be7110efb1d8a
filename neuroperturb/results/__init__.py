"""What a run leaves: its record, tables, text and figures."""
