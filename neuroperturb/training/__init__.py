"""Training: the training loop, baselines to compare with, ablation, and deployment on other chips."""

from neuroperturb.training.prediction import predict as predict
