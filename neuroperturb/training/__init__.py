"""Training: the training loop, baselines to compare with, ablation, and deployment on other chips."""

from neuroperturb.analysis.advice import answer as _answer  # with which a record answers
from neuroperturb.training.prediction import predict as predict
