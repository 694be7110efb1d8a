"""Devices that were made and measured, or that a publication supposes: parameters, and where they are from.

The parameters are fits to the publication named, in the form in which M. J. Rasch et al., "A flexible and fast PyTorch toolkit
for simulating training and inference on analog crossbar arrays", AICAS 2021, doi:10.1109/AICAS51828.2021.9458494, distribute them.
`hardware_models.curves` compares what they do with recorded pulse responses.

>>> import hardware_models as hw
>>> array = hw.SynapseArray((10, 20), hw.PRESETS["ecram"].cell, seed=1)
"""

from __future__ import annotations

from typing import NamedTuple

from hardware_models.devices import ConstantStep, ExpStep, LinearStep, SoftBoundsReference
from hardware_models.devices.pulsed import PulsedCell


class Preset(NamedTuple):
    """A device and its publication."""

    cell: PulsedCell
    technology: str
    publication: str


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
RERAM_ARRAY_OM = SoftBoundsReference(
    dw_min=0.0949, dw_min_std=0.4158, dw_min_dtod=0.7829, log_normal=True, w_max=1.0, w_min=-1.0, w_max_dtod=0.3499,
    w_min_dtod=0.5695, write_noise_std=1.4113, corrupt_range=0.01, subtract_symmetry_point=True,
)  # fmt: skip
RERAM_ARRAY_HFO2 = SoftBoundsReference(
    dw_min=0.4622, dw_min_std=0.2174, dw_min_dtod=0.7125, log_normal=True, w_max=1.0, w_min=-1.0, w_max_dtod=0.4295,
    w_min_dtod=0.5990, write_noise_std=0.5841, corrupt_range=0.01, subtract_symmetry_point=True,
)  # fmt: skip

PRESETS = {
    "reram-es": Preset(RERAM_ES, "HfO2 ReRAM, exponential steps", GONG_2018),
    "reram-sb": Preset(RERAM_SB, "HfO2 ReRAM, soft bounds, a loose fit", GONG_2018),
    "capacitor": Preset(
        CAPACITOR,
        "capacitor cell; its leak belongs to time, not to pulses",
        "Y. Li et al., Capacitor-based cross-point array for analog neural network with record symmetry and linearity, "
        "VLSI Technology 2018, doi:10.1109/VLSIT.2018.8510648",
    ),
    "ecram": Preset(
        ECRAM,
        "electrochemical RAM, lithium",
        "J. Tang et al., ECRAM as scalable synaptic cell for high-speed, low-power neuromorphic computing, IEDM 2018, "
        "doi:10.1109/IEDM.2018.8614551",
    ),
    "ecram-mo": Preset(
        ECRAM_MO,
        "electrochemical RAM, metal oxide",
        "S. Kim et al., Metal-oxide based, CMOS-compatible ECRAM for deep learning accelerator, IEDM 2019, "
        "doi:10.1109/IEDM19573.2019.8993463",
    ),
    "idealized": Preset(
        IDEALIZED,
        "no material: what training would like",
        "M. J. Rasch, T. Gokmen & W. Haensch, Training large-scale artificial neural networks on simulated resistive crossbar "
        "arrays, IEEE Des. Test 37, 19 (2020), arXiv:1906.02698",
    ),
    "gokmen-vlasov": Preset(
        GOKMEN_VLASOV,
        "no material: a specification",
        "T. Gokmen & Y. Vlasov, Acceleration of deep neural network training with resistive cross-point devices: design "
        "considerations, Front. Neurosci. 10, 333 (2016), doi:10.3389/fnins.2016.00333",
    ),
    "pcm": Preset(
        PCM,
        "phase-change memory, GST; one-sided, 0 ≤ w ≤ w_max",
        "S. R. Nandakumar et al., Mixed-precision deep learning based on computational memory, Front. Neurosci. 14, 406 (2020), "
        "doi:10.3389/fnins.2020.00406",
    ),
    "reram-array-om": Preset(RERAM_ARRAY_OM, "ReRAM array, optimised material", GONG_2022),
    "reram-array-hfo2": Preset(RERAM_ARRAY_HFO2, "ReRAM array, baseline HfO2", GONG_2022),
}
