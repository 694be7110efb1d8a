"""Spiking networks: leaky integrate-and-fire neurons in the compiled kernel, and the same equations in Brian2.

    neuroperturb run delayed-xor --backend spiking        the kernel
    neuroperturb run mackey-glass --backend brian2        Brian2 (extra brian2), the same experiment and record
    neuroperturb run delayed-xor --backend brian2 --show-equations

model.py             the equations, and the factors that integrate them;  encoding.py: inputs as spikes
kernel.py            the compiled time step;  simulation.py: a network that learns with it
brian_equations.py   the same equations as text, assembled from the rule;  brian_show.py prints them
brian_network.py     a Brian2 network from that text, of spiking or of rate units;  brian_objects.py: its groups and synapses;
                     brian_weights.py: supported weights;  brian_device.py: targets;  brian_learner.py: training
recipes.py           settings that learn;  bench.py: the kernel's speed against Brian2

Brian2 itself is imported only when a Brian2 network is created.
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
