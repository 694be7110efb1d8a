"""Baselines to compare perturbation rules with.

* :mod:`~neuroperturb.baselines.forward`: the clean network, :class:`Weights` and :func:`run_clean`
* :mod:`~neuroperturb.baselines.bptt`: true backpropagation through time, BPTT(k), the chunked form
* :mod:`~neuroperturb.baselines.through_worlds`: the same through the network and the world it acts in
* :mod:`~neuroperturb.baselines.eligibility`: forward-mode gradients, by one of three methods:
  :mod:`~neuroperturb.baselines.rtrl`, exact; :mod:`~neuroperturb.baselines.rflo` and :mod:`~neuroperturb.baselines.eprop`, local
* :mod:`~neuroperturb.baselines.optimisers`: gradient descent, RMSProp, Adam
* :mod:`~neuroperturb.baselines.trainer`, :mod:`~neuroperturb.baselines.online`, :mod:`~neuroperturb.baselines.forward_trainer`:
  training with them, online or by episode
* :mod:`~neuroperturb.baselines.reservoir`: echo-state network with a ridge readout
* :mod:`~neuroperturb.baselines.linear`: ridge on the present input or on a window of past ones

Persistence and guessing the mean belong to the tasks: ``Dataset.trivial()``.
"""

from neuroperturb.baselines.bptt import Gradients, chunked_gradient, gradient
from neuroperturb.baselines.eligibility import forward_gradient
from neuroperturb.baselines.eprop import Eprop
from neuroperturb.baselines.forward import State, Weights, from_matrices, run_clean, zero_state
from neuroperturb.baselines.forward_trainer import FORWARD, ForwardTrainer
from neuroperturb.baselines.linear import Ridge
from neuroperturb.baselines.optimisers import Adam, Optimiser, Rms, Sgd
from neuroperturb.baselines.reservoir import EchoState
from neuroperturb.baselines.rflo import Rflo
from neuroperturb.baselines.rtrl import Rtrl
from neuroperturb.baselines.trainer import Bptt, BpttTrainer

GRADIENTS = {"bptt": Bptt, **FORWARD}  # rules that differentiate, by name

__all__ = [
    "FORWARD",
    "GRADIENTS",
    "Adam",
    "Bptt",
    "BpttTrainer",
    "EchoState",
    "Eprop",
    "ForwardTrainer",
    "Gradients",
    "Optimiser",
    "Rflo",
    "Ridge",
    "Rms",
    "Rtrl",
    "Sgd",
    "State",
    "Weights",
    "chunked_gradient",
    "forward_gradient",
    "from_matrices",
    "gradient",
    "run_clean",
    "zero_state",
]
