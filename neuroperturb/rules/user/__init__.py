"""Custom rules: how they are found and checked, and what a record stores of them."""
