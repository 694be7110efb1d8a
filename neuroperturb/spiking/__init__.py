"""Spiking networks: leaky integrate-and-fire neurons in the compiled kernel, and the same equations in Brian2.

    neuroperturb run delayed-xor --backend spiking        the kernel
    neuroperturb run mackey-glass --backend brian2        Brian2 (extra brian2), the same experiment and record
    neuroperturb run delayed-xor --backend brian2 --show-equations

model.py         the equations, and the numbers that integrate them
kernel.py        the compiled time step;  simulation.py: a network that learns with it
equations.py     the same as text, put together from the rule;  show.py prints it
brian.py         a network of Brian2 out of that text, spiking or of rate units;  device.py: targets;  weights.py: what weights it can hold
learner.py, brian_learner.py   what `neuroperturb.train` runs;  recipes.py: settings that learn

A room that nothing enters unless an experiment has a `spiking` table; only brian*.py and device.py import Brian2, when they run.
"""

from neuroperturb.network.lif import LIF as LIF
from neuroperturb.network.lif import Brian2 as Brian2
from neuroperturb.network.lif import Current as Current
from neuroperturb.network.lif import Kernel as Kernel
from neuroperturb.network.lif import Latency as Latency
from neuroperturb.network.lif import Poisson as Poisson
from neuroperturb.spiking.brian_show import show as show
from neuroperturb.spiking.recipes import recipe as recipe
from neuroperturb.spiking.simulation import SpikingSimulation as SpikingSimulation
