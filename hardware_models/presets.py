"""Presets of measured or hypothetical devices: parameters, and their publications.

The parameters of pulsed cells are fits to the publication named, in the form in which M. J. Rasch et al., "A flexible and fast
PyTorch toolkit for simulating training and inference on analog crossbar arrays", AICAS 2021, doi:10.1109/AICAS51828.2021.9458494,
distribute them. `hardware_models.characterise.pulse_curves` compares their behaviour with recorded pulse responses.

A preset is the hardware of an array with its publication: its cells, and those parts of an array that the publication
defines. Other parts can be replaced. Where a study has shown a writing with which networks learn on the device, the preset recommends it.

>>> import hardware_models as hw
>>> array = hw.PRESETS["ecram"].array((10, 20), seed=1)
>>> pair = hw.PRESETS["ecram"].replace(weight=hw.DifferentialPair()).array((10, 20), seed=1)
>>> bare = hw.SynapseArray((10, 20), hw.PRESETS["ecram"].cells, seed=1)
>>> bare.weight, pair.weight
(Single(gains=(1.0,)), DifferentialPair(gains=(1.0, -1.0)))
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from html import escape
from typing import Any

from hardware_models.ageing import Ageing, Leak
from hardware_models.array import SynapseArray
from hardware_models.costs import figures as costs
from hardware_models.costs.figures import sram
from hardware_models.costs.html_table import html_table
from hardware_models.costs.model import Costs
from hardware_models.costs.sources import DAVIES, KIM_2019, TANG_2018
from hardware_models.crossbar.contract import Cell
from hardware_models.crossbar.weights import Devices, OneSidedPair, SeveralDevices, SeveralPairs
from hardware_models.devices import ConstantStep, Digital, ExpStep, Ideal, LinearStep, SoftBoundsReference
from hardware_models.hardware import Hardware
from hardware_models.numerics.checks import InputError
from hardware_models.numerics.names import suggest
from hardware_models.programming import (
    SONOS,
    Error,
    GenericNoise,
    Hermes,
    PCMJoshi,
    PCMLike,
    ReRamCMO,
    ReRamWan2022,
    RRAMMilo,
    StateIndependent,
    WrittenOnce,
)
from hardware_models.reading.converters import Converter
from hardware_models.reading.reading import Reading
from hardware_models.writing.closed_loop import ClosedLoop


@dataclass(frozen=True, kw_only=True, repr=False)
class Preset:
    """Hardware and its publication.

    hardware : cells, weight, reading, time and costs
    technology : a short description
    publication : source of its parameters
    recommended : the same with a writing, and devices of a weight, with which networks learn on these cells; None where no study has shown one
        (studies/closed-loop.toml)
    """

    hardware: Hardware
    technology: str
    publication: str
    recommended: Hardware | None = None

    def __repr__(self) -> str:
        return f"Preset({self.technology!r}, cells={self.cells!r})"

    def _repr_html_(self) -> str:
        better = [] if self.recommended is None else [("recommended writing", self.recommended.writing)]
        rows = [
            ("cells", self.cells),
            ("programming", self.hardware.programming),
            *better,
            ("publication", self.publication),
        ]
        return html_table(self.technology, rows)

    @property
    def cells(self) -> Cell:
        """Its cell model."""
        return self.hardware.cells

    @property
    def cell(self) -> Cell:
        """The former name of `cells`."""
        return self.cells

    @property
    def costs(self) -> Costs | None:
        """Costs of its operations."""
        return self.hardware.costs

    def html_cells(self) -> str:
        """Technology, cells and recommended writing, as cells of a table."""
        once = isinstance(self.hardware.programming, WrittenOnce)
        by = "pulses" if self.recommended is None else type(self.recommended.writing).__name__
        made = type(self.hardware.programming if once else self.cells).__name__
        words = self.technology, made, "programming, once" if once else by
        return "".join(f"<td>{escape(word)}</td>" for word in words)

    def replace(self, **parts: Any) -> Hardware:
        """Its hardware with some parts changed, which is no longer a preset."""
        return replace(self.hardware, **parts)

    def array(self, shape: Sequence[int], **options: Any) -> SynapseArray:
        """An array (n, m) of this hardware; options as in :meth:`Hardware.array`."""
        return self.hardware.array(shape, **options)


GONG_2018 = (
    "N. Gong et al., Signal and noise extraction from analog memory elements for neuromorphic computing, "
    "Nat. Commun. 9, 2102 (2018), doi:10.1038/s41467-018-04485-1"
)
GONG_2022 = (
    "N. Gong, M. J. Rasch et al., Deep learning acceleration in 14nm CMOS compatible ReRAM array: device, material and "
    "algorithm co-optimization, IEDM 2022, doi:10.1109/IEDM45625.2022.10019569"
)

RERAM_ES = ExpStep(
    dw_min=0.00135, dw_min_std=5.0, dw_min_dtod=0.2, up_down=0.259359, up_down_dtod=0.05, w_max=1.0, w_min=-1.0, w_max_dtod=0.3,
    w_min_dtod=0.3, write_noise_std=75.0, es_a=-0.5, es_b=-0.5, gamma_up=5.0, gamma_down=5.0, A_up=-1.18445, A_down=-0.081404,
)  # fmt: skip
RERAM_SB = SoftBoundsReference(
    dw_min=0.002, dw_min_std=3.75, dw_min_dtod=0.3, w_max=1.25, w_min=-0.75, w_max_dtod=0.24, w_min_dtod=0.4, write_noise_std=56.0,
)  # fmt: skip
CAPACITOR = LinearStep(
    dw_min=0.005, dw_min_std=0.3, dw_min_dtod=0.1, up_down_dtod=0.06, w_max=1.0, w_min=-1.0, w_max_dtod=0.07, w_min_dtod=0.07,
    gamma_up=0.05, gamma_down=0.05, gamma_up_dtod=0.01, gamma_down_dtod=0.01,
)  # fmt: skip
# The published lifetime is 10⁶ updates, and no publication says how long one takes: at 1 µs, τ is 1 s.
CAPACITOR_LEAK = Leak.of_batches(1e6, period=1e-6, lifetime_dtod=0.3)
ECRAM = LinearStep(
    dw_min=0.002, dw_min_std=0.3, dw_min_dtod=0.1, w_max=1.1724, w_min=-0.8276, w_max_dtod=0.05, w_min_dtod=0.05,
    gamma_up=0.1153, gamma_down=0.5085, gamma_up_dtod=0.05, gamma_down_dtod=0.05, multiplicative_noise=True,
)  # fmt: skip
ECRAM_MO = LinearStep(
    dw_min=2.8214e-4, dw_min_std=2.0, dw_min_dtod=0.1, w_max=1.1714, w_min=-0.8286, w_max_dtod=0.05, w_min_dtod=0.05,
    gamma_up=0.4152, gamma_down=0.7342, gamma_up_dtod=0.05, gamma_down_dtod=0.05, multiplicative_noise=True,
)  # fmt: skip
IDEALIZED = ConstantStep(
    dw_min=0.0002, dw_min_std=0.3, dw_min_dtod=0.3, up_down_dtod=0.0, w_max=1.0, w_min=-1.0, w_max_dtod=0.3, w_min_dtod=0.3,
)  # fmt: skip
GOKMEN_VLASOV = ConstantStep(
    dw_min=0.0016, dw_min_std=0.3, dw_min_dtod=0.3, w_max=1.0, w_min=-1.0, w_max_dtod=0.3, w_min_dtod=0.3,
)  # fmt: skip
PCM = ExpStep(
    dw_min=0.01, dw_min_std=0.6, dw_min_dtod=0.2, up_down_dtod=0.05, w_max=2.0, w_min=0.0, w_max_dtod=0.1, w_min_dtod=0.0,
    es_a=-1.0, es_b=0.0, gamma_up=2.5, gamma_down=2.5, A_up=-27.235, A_down=-2.235, noise_add=0.042, noise_slope=0.108,
)  # fmt: skip
PCM_PAIR = OneSidedPair(refresh_every=1, larger=0.75, smaller=0.25, reset_std=0.01, reset=0.01, reset_dtod=0.02)
PCM_PAIRS = SeveralPairs(
    pairs=8, refresh_every=1, larger=0.75, smaller=0.25, reset_std=0.01, reset=0.01, reset_dtod=0.02
)
RERAM_ARRAY_OM = SoftBoundsReference(
    dw_min=0.0949, dw_min_std=0.4158, dw_min_dtod=0.7829, log_normal=True, w_max=1.0, w_min=-1.0, w_max_dtod=0.3499,
    w_min_dtod=0.5695, write_noise_std=1.4113, corrupt_range=0.01, subtract_symmetry_point=True, reference_std=0.05,
)  # fmt: skip
RERAM_ARRAY_HFO2 = SoftBoundsReference(
    dw_min=0.4622, dw_min_std=0.2174, dw_min_dtod=0.7125, log_normal=True, w_max=1.0, w_min=-1.0, w_max_dtod=0.4295,
    w_min_dtod=0.5990, write_noise_std=0.5841, corrupt_range=0.01, subtract_symmetry_point=True, reference_std=0.05,
)  # fmt: skip

# The shares of cells that did not switch in the arrays of Gong et al. 2022; without them, a preset is of the cells that did.
RERAM_ARRAY_OM_CORRUPT = replace(RERAM_ARRAY_OM, corrupt_prob=0.1348)
RERAM_ARRAY_HFO2_CORRUPT = replace(RERAM_ARRAY_HFO2, corrupt_prob=0.0977)

LI_2018 = (
    "Y. Li et al., Capacitor-based cross-point array for analog neural network with record symmetry and linearity, "
    "VLSI Technology 2018, doi:10.1109/VLSIT.2018.8510648"
)
RASCH_2020 = (
    "M. J. Rasch, T. Gokmen & W. Haensch, Training large-scale artificial neural networks on simulated resistive crossbar "
    "arrays, IEEE Des. Test 37, 19 (2020), arXiv:1906.02698"
)
GOKMEN_2016 = (
    "T. Gokmen & Y. Vlasov, Acceleration of deep neural network training with resistive cross-point devices: design "
    "considerations, Front. Neurosci. 10, 333 (2016), doi:10.3389/fnins.2016.00333"
)
NANDAKUMAR_2020 = (
    "S. R. Nandakumar et al., Mixed-precision deep learning based on computational memory, Front. Neurosci. 14, 406 (2020), "
    "doi:10.3389/fnins.2020.00406"
)
NANDAKUMAR_2019 = (
    "S. R. Nandakumar et al., Phase-change memory models for deep learning training and inference, ICECS 2019, "
    "doi:10.1109/ICECS46596.2019.8964852"
)
JOSHI_2020 = (
    "V. Joshi et al., Accurate deep neural network inference using computational phase-change memory, Nat. Commun. 11, 2473 "
    "(2020), doi:10.1038/s41467-020-16108-9"
)
LE_GALLO_2023 = (
    "M. Le Gallo et al., A 64-core mixed-signal in-memory compute chip based on phase-change memory for deep neural network "
    "inference, Nat. Electron. 6, 680 (2023), doi:10.1038/s41928-023-01010-1"
)
RASCH_2021 = (
    "M. J. Rasch et al., A flexible and fast PyTorch toolkit for simulating training and inference on analog crossbar arrays, "
    "AICAS 2021, doi:10.1109/AICAS51828.2021.9458494"
)
WAN_2022 = (
    "W. Wan et al., A compute-in-memory chip based on resistive random-access memory, Nature 608, 504 (2022), "
    "doi:10.1038/s41586-022-04992-8"
)
FALCONE_2025 = (
    "D. F. Falcone et al., All-in-one analog AI hardware: on-chip training and inference with conductive-metal-oxide/HfOx ReRAM "
    "devices, arXiv:2502.04524 (2025)"
)
MILO_2021 = (
    "V. Milo et al., Optimized programming algorithms for multilevel RRAM in hardware neural networks, IRPS 2021, "
    "doi:10.1109/IRPS46558.2021.9405119"
)
AGRAWAL_2022 = (
    "V. Agrawal et al., Subthreshold operation of SONOS analog memory to enable accurate low-power neural network inference, "
    "IEDM 2022, doi:10.1109/IEDM45625.2022.10019564"
)
XIAO = (
    "T. P. Xiao et al., CrossSim: accuracy simulation of analog in-memory computing, Sandia National Laboratories, "
    "https://github.com/sandialabs/cross-sim"
)
GUPTA_2015 = (
    "S. Gupta, A. Agrawal, K. Gopalakrishnan & P. Narayanan, Deep learning with limited numerical precision, ICML 2015, "
    "arXiv:1502.02551"
)
PEHLE_2022 = (
    "C. Pehle et al., The BrainScaleS-2 accelerated neuromorphic system with hybrid plasticity, Front. Neurosci. 16, 795876 "
    "(2022), doi:10.3389/fnins.2022.795876"
)
WEIS_2020 = (
    "J. Weis et al., Inference with artificial neural networks on analog neuromorphic hardware, arXiv:2006.13177; P. Spilger et "
    "al., hxtorch: PyTorch for BrainScaleS-2, arXiv:2006.13138"
)

# Products of inputs 0 … 31, the sign by sending twice, and weights −63 … 63, from an excitatory and an inhibitory row, are read by
# 8 bits at 0.002 of a step each, with noise of 2 steps, as the software of the chip measures and imitates it. One device unit of a
# weight is 63, one input unit is 31.
STEP = 1 / (0.002 * 63 * 31)
BRAINSCALES_2_READING = Reading(
    dac=Converter(bits=6.0), adc=Converter(bits=8.0, bound=127 * STEP), output_noise_std=2 * STEP
)


class NoPreset(InputError, KeyError):
    """There is no preset of that name."""

    def __str__(self) -> str:
        return str(self.args[0])


class Presets(dict[str, Preset]):
    """Presets by name; a table in a notebook."""

    def __missing__(self, name: object) -> Preset:
        raise NoPreset(f"There is no preset {name!r}. {suggest(str(name), self)}")

    def _repr_html_(self) -> str:
        head = "<tr><th>name</th><th>technology</th><th>cells</th><th>trains by</th></tr>"
        rows = "".join(f"<tr><td>{name}</td>{one.html_cells()}</tr>" for name, one in self.items())
        return f"<table>{head}{rows}</table>"


def _preset(
    cells: Any,
    technology: str,
    publication: str,
    loop: ClosedLoop | None = None,
    shared: Devices | None = None,
    **parts: Any,
) -> Preset:
    """loop : the recommended writing;  shared : the recommended devices of a weight, where they are others"""
    made_of = Hardware(cells=cells, **parts)
    better = (
        None if loop is None else replace(made_of, writing=loop, weight=made_of.weight if shared is None else shared)
    )
    return Preset(hardware=made_of, technology=technology, publication=publication, recommended=better)


def _written(programming: WrittenOnce, technology: str, publication: str, **parts) -> Preset:
    """An array that is written once: the programming model defines its cells, and their number per weight."""
    return _preset(Ideal(), technology, publication, programming=programming, weight=programming.weight, **parts)


def _digital(bits: int, shared: Devices | None = None) -> Preset:
    words = f"{bits}-bit weights, stochastic rounding"
    return _preset(Digital(bits=bits), words, GUPTA_2015, LOOP, shared, costs=sram(bits))


LOOP = ClosedLoop()
TRAINED = {  # trained by pulses, or digitally
    "reram-es": _preset(
        RERAM_ES, "HfO2 ReRAM, exponential steps", GONG_2018, LOOP, SeveralDevices(devices=4), costs=costs.RERAM
    ),
    "reram-sb": _preset(
        RERAM_SB,
        "HfO2 ReRAM, soft bounds, an approximate fit",
        GONG_2018,
        LOOP,
        SeveralDevices(devices=4),
        costs=costs.RERAM,
    ),
    "capacitor": _preset(
        CAPACITOR,
        "capacitor cell, leaks within seconds",
        LI_2018,
        LOOP,
        time=Ageing(leak=CAPACITOR_LEAK),
        costs=costs.CAPACITOR,
    ),
    "ecram": _preset(ECRAM, "electrochemical RAM, lithium", TANG_2018, LOOP, costs=costs.ECRAM),
    "ecram-mo": _preset(ECRAM_MO, "electrochemical RAM, metal oxide", KIM_2019, LOOP, costs=costs.ECRAM_MO),
    "idealized": _preset(
        IDEALIZED, "hypothetical: idealised device for training", RASCH_2020, LOOP, costs=costs.CROSS_POINT
    ),
    "gokmen-vlasov": _preset(
        GOKMEN_VLASOV,
        "hypothetical: specification of a device for training",
        GOKMEN_2016,
        LOOP,
        costs=costs.CROSS_POINT,
    ),
    "pcm": _preset(
        PCM,
        "phase-change memory, GST, pairs of one-sided cells",
        NANDAKUMAR_2020,
        ClosedLoop(threshold=0.1),
        PCM_PAIRS,
        weight=PCM_PAIR,
        costs=costs.PCM,
    ),
    "reram-array-om": _preset(
        RERAM_ARRAY_OM, "ReRAM array, optimised material", GONG_2022, LOOP, SeveralDevices(devices=8), costs=costs.RERAM
    ),
    "reram-array-hfo2": _preset(
        RERAM_ARRAY_HFO2, "ReRAM array, baseline HfO2", GONG_2022, LOOP, SeveralDevices(devices=16), costs=costs.RERAM
    ),
    "reram-array-om-corrupt": _preset(
        RERAM_ARRAY_OM_CORRUPT,
        "ReRAM array, optimised material, with 13.48 % dead cells",
        GONG_2022,
        LOOP,
        SeveralDevices(devices=8),
        costs=costs.RERAM,
    ),
    "reram-array-hfo2-corrupt": _preset(
        RERAM_ARRAY_HFO2_CORRUPT,
        "ReRAM array, baseline HfO2, with 9.77 % dead cells",
        GONG_2022,
        LOOP,
        SeveralDevices(devices=16),
        costs=costs.RERAM,
    ),
    "digital-8": _digital(8),
    "digital-6": _digital(6),
    "digital-4": _digital(4, SeveralDevices(devices=8)),
    "loihi": _preset(
        Digital(bits=8), "Loihi-like: 8-bit signed weights, stochastic rounding", DAVIES, costs=costs.LOIHI
    ),
    "brainscales-2": _preset(
        Digital(bits=6), "BrainScaleS-2-like: 6-bit weights", PEHLE_2022, costs=costs.BRAINSCALES_2
    ),
    "brainscales-2-analog": _preset(
        Digital(bits=7),
        "BrainScaleS-2-like: signed weights of two 6-bit synapses, analog products",
        WEIS_2020,
        reading=BRAINSCALES_2_READING,
        costs=costs.BRAINSCALES_2,
    ),
}

INFERENCE = {  # written once
    "pcm-like": _written(
        PCMLike(), "phase-change memory, GST, a million cells of 90 nm", NANDAKUMAR_2019, costs=costs.PCM
    ),
    "hermes": _written(
        Hermes(), "phase-change memory, HERMES, two cells per conductance", LE_GALLO_2023, costs=costs.PCM
    ),
    "hermes-1": _written(
        Hermes(cells=1), "phase-change memory, HERMES, one cell per conductance", LE_GALLO_2023, costs=costs.PCM
    ),
    "state-independent": _written(
        StateIndependent(), "hypothetical: programming noise and drift independent of the state", RASCH_2021
    ),
    "reram-wan-2022": _written(ReRamWan2022(), "HfOx ReRAM, 48-core chip", WAN_2022, costs=costs.RERAM),
    "reram-cmo": _written(ReRamCMO(), "conductive-metal-oxide/HfOx ReRAM", FALCONE_2025, costs=costs.RERAM),
    "pcm-joshi": _written(PCMJoshi(), "phase-change memory, programming noise", JOSHI_2020, costs=costs.PCM),
    "rram-milo": _written(RRAMMilo(), "HfO2 ReRAM, 50 … 225 µS, programming noise", MILO_2021, costs=costs.RERAM),
    "sonos": _written(SONOS(), "SONOS charge traps, 40 nm, as currents", AGRAWAL_2022),
    "generic-noise": _written(
        GenericNoise(programming=Error(magnitude=0.01), reading=Error(magnitude=0.01)),
        "hypothetical: Gaussian programming and read errors of 1 % of the largest conductance",
        XIAO,
    ),
}

PRESETS = Presets({**TRAINED, **INFERENCE})
