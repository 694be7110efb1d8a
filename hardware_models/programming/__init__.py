"""Programming: the initial weights of cells, and, for cells that are written once, their drift and read noise.

    by_pulses      exactly, by write and verify, or in open loop: cells that are trained afterwards
    written_once   conductances: their programming error, drift and read noise
    pcm  reram  statistical  generic       models of cells that are written once

A programming scheme is a :class:`hardware_models.crossbar.contract.Programming`.

>>> import numpy as np
>>> import hardware_models as hw
>>> array = hw.INFERENCE["pcm-like"].array((2, 3), seed=1)
>>> array.program([[0.5, -0.5, 0.25], [0.0, 0.125, 1.0]])
>>> array.age(86400.0)
>>> array.matvec([1.0, 0.0, 2.0]).shape
(2,)
"""

from hardware_models.programming.by_pulses import Exact as Exact
from hardware_models.programming.by_pulses import OpenLoop as OpenLoop
from hardware_models.programming.by_pulses import WriteVerify as WriteVerify
from hardware_models.programming.generic import Error as Error
from hardware_models.programming.generic import GenericNoise as GenericNoise
from hardware_models.programming.pcm import Hermes as Hermes
from hardware_models.programming.pcm import PCMLike as PCMLike
from hardware_models.programming.pcm import StateIndependent as StateIndependent
from hardware_models.programming.reram import ReRamCMO as ReRamCMO
from hardware_models.programming.reram import ReRamWan2022 as ReRamWan2022
from hardware_models.programming.statistical import SONOS as SONOS
from hardware_models.programming.statistical import PCMJoshi as PCMJoshi
from hardware_models.programming.statistical import RRAMMilo as RRAMMilo
from hardware_models.programming.written_once import Written as Written
from hardware_models.programming.written_once import WrittenOnce as WrittenOnce

# Names in tables
BY_PULSES = {
    "exact": Exact,
    "write-verify": WriteVerify,
    "open-loop": OpenLoop,
}
WRITTEN_ONCE = {
    "pcm-like": PCMLike,
    "hermes": Hermes,
    "state-independent": StateIndependent,
    "reram-wan-2022": ReRamWan2022,
    "reram-cmo": ReRamCMO,
    "pcm-joshi": PCMJoshi,
    "rram-milo": RRAMMilo,
    "sonos": SONOS,
    "generic-noise": GenericNoise,
}
