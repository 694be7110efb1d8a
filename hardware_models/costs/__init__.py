"""What operations cost: figures with sources, a model of costs, and the ledger that counts."""
