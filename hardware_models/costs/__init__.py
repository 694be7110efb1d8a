"""Costs of operations: estimates with sources, a cost model, and the ledger that counts operations."""
