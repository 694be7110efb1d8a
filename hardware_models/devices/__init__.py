"""Cell models, one per file: equation, parameters, and two formulas, for one pulse up and one pulse down.

Ideal and digital cells have no pulses in that sense: they write a row of requested changes themselves.
"""

from hardware_models.devices.constant_step import ConstantStep as ConstantStep
from hardware_models.devices.digital import Digital as Digital
from hardware_models.devices.exp_step import ExpStep as ExpStep
from hardware_models.devices.ideal import Ideal as Ideal
from hardware_models.devices.linear_step import LinearStep as LinearStep
from hardware_models.devices.measured import Measured as Measured
from hardware_models.devices.piecewise_step import PiecewiseStep as PiecewiseStep
from hardware_models.devices.pow_step import PowStep as PowStep
from hardware_models.devices.pulsed import PulsedCell as PulsedCell
from hardware_models.devices.soft_bounds import SoftBounds as SoftBounds
from hardware_models.devices.soft_bounds_reference import SoftBoundsReference as SoftBoundsReference

CELLS = {
    "ideal": Ideal,
    "digital": Digital,
    "constant-step": ConstantStep,
    "linear-step": LinearStep,
    "soft-bounds": SoftBounds,
    "soft-bounds-reference": SoftBoundsReference,
    "exp-step": ExpStep,
    "pow-step": PowStep,
    "piecewise-step": PiecewiseStep,
    "measured": Measured,
}
