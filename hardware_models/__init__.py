"""Arrays of imperfect synapses: cells, converters, noise and time. Knows weights, pulses, volts and seconds; nothing of learning.

>>> import hardware_models as hw
>>> array = hw.SynapseArray((2, 3), hw.Digital(bits=4), seed=1)
>>> array.program([[0.5, -0.5, 0.25], [0.0, 0.125, 1.0]])
>>> array.matvec([1.0, 0.0, 2.0])
>>> array = hw.SynapseArray((2, 3), hw.PRESETS["reram-es"].cell, seed=1)
>>> array.pulse(+10)
"""

from hardware_models.array import SynapseArray as SynapseArray
from hardware_models.cells import Devices as Devices
from hardware_models.cells import DifferentialPair as DifferentialPair
from hardware_models.cells import Single as Single
from hardware_models.check import check_device as check_device
from hardware_models.compiled import kernel as kernel
from hardware_models.devices import CELLS as CELLS
from hardware_models.devices import ConstantStep as ConstantStep
from hardware_models.devices import Digital as Digital
from hardware_models.devices import ExpStep as ExpStep
from hardware_models.devices import Ideal as Ideal
from hardware_models.devices import LinearStep as LinearStep
from hardware_models.devices import PiecewiseStep as PiecewiseStep
from hardware_models.devices import PowStep as PowStep
from hardware_models.devices import PulsedCell as PulsedCell
from hardware_models.devices import SoftBounds as SoftBounds
from hardware_models.devices import SoftBoundsReference as SoftBoundsReference
from hardware_models.hardware import Hardware as Hardware
from hardware_models.presets import PRESETS as PRESETS
