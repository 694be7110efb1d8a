"""Arrays of non-ideal synapses: cells, converters, noise and ageing, in weights, pulses, volts and seconds; independent of learning.

>>> import hardware_models as hw
>>> array = hw.SynapseArray((2, 3), hw.Digital(bits=4), seed=1)
>>> array.program([[0.5, -0.5, 0.25], [0.0, 0.125, 1.0]])
>>> array.matvec([1.0, 0.0, 2.0])
array([1., 2.], dtype=float32)
>>> array = hw.SynapseArray((2, 3), hw.PRESETS["reram-es"].cells, seed=1)
>>> array.pulse(+10)
"""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from hardware_models.ageing import Ageing as Ageing
    from hardware_models.ageing import Diffusion as Diffusion
    from hardware_models.ageing import Drift as Drift
    from hardware_models.ageing import Faults as Faults
    from hardware_models.ageing import Leak as Leak
    from hardware_models.ageing import OneOverF as OneOverF
    from hardware_models.ageing import OrnsteinUhlenbeck as OrnsteinUhlenbeck
    from hardware_models.ageing import Retention as Retention
    from hardware_models.ageing import SlowNoise as SlowNoise
    from hardware_models.ageing import StateDrift as StateDrift
    from hardware_models.ageing import Telegraph as Telegraph
    from hardware_models.ageing import Wear as Wear
    from hardware_models.array import SynapseArray as SynapseArray
    from hardware_models.characterise.card import Card as Card
    from hardware_models.characterise.card import card as card
    from hardware_models.characterise.check_device import check_device as check_device
    from hardware_models.costs.figures import COSTS as COSTS
    from hardware_models.costs.ledger import Ledger as Ledger
    from hardware_models.costs.model import AnalogCosts as AnalogCosts
    from hardware_models.costs.model import Bracket as Bracket
    from hardware_models.costs.model import Costs as Costs
    from hardware_models.costs.model import DigitalCosts as DigitalCosts
    from hardware_models.crossbar.weights import Devices as Devices
    from hardware_models.crossbar.weights import DifferentialPair as DifferentialPair
    from hardware_models.crossbar.weights import OneSidedPair as OneSidedPair
    from hardware_models.crossbar.weights import SeveralDevices as SeveralDevices
    from hardware_models.crossbar.weights import SeveralPairs as SeveralPairs
    from hardware_models.crossbar.weights import Single as Single
    from hardware_models.crossbar.weights import ZeroShifted as ZeroShifted
    from hardware_models.crossbar.weights_sliced import BitSlices as BitSlices
    from hardware_models.crossbar.weights_sliced import calibrated_bounds as calibrated_bounds
    from hardware_models.devices import CELLS as CELLS
    from hardware_models.devices import ConstantStep as ConstantStep
    from hardware_models.devices import Digital as Digital
    from hardware_models.devices import ExpStep as ExpStep
    from hardware_models.devices import Ideal as Ideal
    from hardware_models.devices import LinearStep as LinearStep
    from hardware_models.devices import Measured as Measured
    from hardware_models.devices import PiecewiseStep as PiecewiseStep
    from hardware_models.devices import PowStep as PowStep
    from hardware_models.devices import PulsedCell as PulsedCell
    from hardware_models.devices import SoftBounds as SoftBounds
    from hardware_models.devices import SoftBoundsReference as SoftBoundsReference
    from hardware_models.devices.pulse_data import PulseData as PulseData
    from hardware_models.devices.pulse_data import read_pulses as read_pulses
    from hardware_models.hardware import Hardware as Hardware
    from hardware_models.numerics.checks import HardwareWarning as HardwareWarning
    from hardware_models.numerics.checks import ParameterError as ParameterError
    from hardware_models.numerics.compiled import kernel as kernel
    from hardware_models.presets import INFERENCE as INFERENCE
    from hardware_models.presets import PRESETS as PRESETS
    from hardware_models.presets import Preset as Preset
    from hardware_models.programming import SONOS as SONOS
    from hardware_models.programming import Error as Error
    from hardware_models.programming import GenericNoise as GenericNoise
    from hardware_models.programming import Hermes as Hermes
    from hardware_models.programming import PCMJoshi as PCMJoshi
    from hardware_models.programming import PCMLike as PCMLike
    from hardware_models.programming import ReRamCMO as ReRamCMO
    from hardware_models.programming import ReRamWan2022 as ReRamWan2022
    from hardware_models.programming import RRAMMilo as RRAMMilo
    from hardware_models.programming import StateIndependent as StateIndependent
    from hardware_models.programming import WrittenOnce as WrittenOnce
    from hardware_models.programming.by_pulses import Exact as Exact
    from hardware_models.programming.by_pulses import OpenLoop as OpenLoop
    from hardware_models.programming.by_pulses import WriteVerify as WriteVerify
    from hardware_models.reading.converters import AbsMax as AbsMax
    from hardware_models.reading.converters import Clip as Clip
    from hardware_models.reading.converters import Converter as Converter
    from hardware_models.reading.converters import Iterative as Iterative
    from hardware_models.reading.converters import Scaled as Scaled
    from hardware_models.reading.reading import ConstantReadNoise as ConstantReadNoise
    from hardware_models.reading.reading import ProportionalReadNoise as ProportionalReadNoise
    from hardware_models.reading.reading import Reading as Reading
    from hardware_models.reading.reading import RootReadNoise as RootReadNoise
    from hardware_models.reading.wires_exact import exact_read as exact_read
    from hardware_models.reading.wires_exact import solve_network as solve_network
    from hardware_models.reading.wiring import Wires as Wires
    from hardware_models.reading.wiring import error_bound as error_bound
    from hardware_models.reading.wiring import fast_read as fast_read
    from hardware_models.writing.closed_loop import ClosedLoop as ClosedLoop
    from hardware_models.writing.coincidence import CoincidenceTrains as CoincidenceTrains
    from hardware_models.writing.coincidence import ImplicitTrains as ImplicitTrains
    from hardware_models.writing.coincidence import MeanCountTrains as MeanCountTrains
    from hardware_models.writing.mixed_precision import MixedPrecision as MixedPrecision
    from hardware_models.writing.tiles import Tiles as Tiles
    from hardware_models.writing.transfer import Transfer as Transfer

# modules of the names; imported on first use, so that code without arrays starts fast
_HOMES = {
    "ageing": "Ageing Diffusion Drift Faults Leak OneOverF OrnsteinUhlenbeck Retention SlowNoise StateDrift Telegraph Wear",
    "array": "SynapseArray",
    "hardware": "Hardware",
    "characterise.card": "Card card",
    "characterise.check_device": "check_device",
    "costs.figures": "COSTS",
    "costs.ledger": "Ledger",
    "costs.model": "AnalogCosts Bracket Costs DigitalCosts",
    "crossbar.weights_sliced": "BitSlices calibrated_bounds",
    "crossbar.weights": "Devices DifferentialPair OneSidedPair SeveralDevices SeveralPairs Single ZeroShifted",
    "devices": "CELLS ConstantStep Digital ExpStep Ideal LinearStep Measured PiecewiseStep PowStep PulsedCell SoftBounds SoftBoundsReference",
    "devices.pulse_data": "PulseData read_pulses",
    "numerics.checks": "HardwareWarning ParameterError",
    "numerics.compiled": "kernel",
    "presets": "INFERENCE PRESETS Preset",
    "programming": "Error GenericNoise Hermes PCMJoshi PCMLike RRAMMilo ReRamCMO ReRamWan2022 SONOS StateIndependent WrittenOnce",
    "programming.by_pulses": "Exact OpenLoop WriteVerify",
    "reading.converters": "AbsMax Clip Converter Iterative Scaled",
    "reading.reading": "ConstantReadNoise ProportionalReadNoise Reading RootReadNoise",
    "reading.wires_exact": "exact_read solve_network",
    "reading.wiring": "Wires error_bound fast_read",
    "writing.closed_loop": "ClosedLoop",
    "writing.coincidence": "CoincidenceTrains ImplicitTrains MeanCountTrains",
    "writing.mixed_precision": "MixedPrecision",
    "writing.tiles": "Tiles",
    "writing.transfer": "Transfer",
}
_HOME = {name: module for module, names in _HOMES.items() for name in names.split()}
__all__ = sorted(_HOME)


def __getattr__(name: str):
    if name in _HOME:
        found = getattr(importlib.import_module(f"hardware_models.{_HOME[name]}"), name)
        globals()[name] = found  # asked for once: reading a study asks thousands of times
        return found
    raise AttributeError(f"module 'hardware_models' has no attribute {name!r}")


def __dir__() -> list[str]:
    return __all__
