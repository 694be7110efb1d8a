"""Training: a run in progress, what stands beside it, ablation, and weights taken to another chip."""
