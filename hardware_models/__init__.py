"""Arrays of imperfect synapses: cells, converters, noise and time. Knows weights, pulses, volts and seconds; nothing of learning.

>>> import hardware_models as hw
>>> array = hw.SynapseArray((2, 3), hw.Digital(bits=4), seed=1)
>>> array.program([[0.5, -0.5, 0.25], [0.0, 0.125, 1.0]])
>>> array.matvec([1.0, 0.0, 2.0])
"""

from hardware_models.array import SynapseArray as SynapseArray
from hardware_models.devices import CELLS as CELLS
from hardware_models.devices import Digital as Digital
from hardware_models.devices import Ideal as Ideal
