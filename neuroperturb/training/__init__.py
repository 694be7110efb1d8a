"""Training: the training loop, baselines to compare with, ablation, and deployment on other chips."""
