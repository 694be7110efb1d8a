"""Baselines: what a perturbation rule is compared with, so that its figures mean something.

* :mod:`~neuroperturb.baselines.forward`: the clean network, :class:`Weights` and :func:`run_clean`
* :mod:`~neuroperturb.baselines.bptt`: true backpropagation through time, BPTT(k), the chunked form
* :mod:`~neuroperturb.baselines.optimisers`: gradient descent, RMSProp, Adam
* :mod:`~neuroperturb.baselines.trainer`: training by them, online or by episode
* :mod:`~neuroperturb.baselines.reservoir`: echo-state network with a ridge readout
* :mod:`~neuroperturb.baselines.linear`: ridge on the present input or on a window of past ones

Persistence and guessing the mean belong to the tasks: ``Dataset.trivial()``.
"""

from neuroperturb.baselines.bptt import Gradients, chunked_gradient, gradient
from neuroperturb.baselines.forward import State, Weights, from_matrices, run_clean, zero_state
from neuroperturb.baselines.linear import Ridge
from neuroperturb.baselines.optimisers import Adam, Optimiser, Rms, Sgd
from neuroperturb.baselines.reservoir import EchoState
from neuroperturb.baselines.trainer import Bptt, BpttTrainer

__all__ = [
    "Adam",
    "Bptt",
    "BpttTrainer",
    "EchoState",
    "Gradients",
    "Optimiser",
    "Ridge",
    "Rms",
    "Sgd",
    "State",
    "Weights",
    "chunked_gradient",
    "from_matrices",
    "gradient",
    "run_clean",
    "zero_state",
]
