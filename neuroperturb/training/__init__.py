"""Training: a run in progress, the runs it is compared with, ablation, and deployment on other chips."""
