"""Cell models, one a file: equation, parameters, and how a row of requested changes is written."""

from hardware_models.devices.digital import Digital as Digital
from hardware_models.devices.ideal import Ideal as Ideal

CELLS = {"ideal": Ideal, "digital": Digital}
