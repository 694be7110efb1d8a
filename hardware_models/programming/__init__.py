"""Programming: how cells get their first weights, and, where they are written once, what becomes of them.

    by_pulses      exactly, by write and verify, or in open loop: cells that training goes on to write
    written_once   conductances: how far from its target each is programmed, how it drifts, how noisy a read of it is
    pcm  reram  statistical  generic       models of cells that are written once

A way of programming is a :class:`hardware_models.crossbar.contract.Programming`.

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

# What tables call them
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
