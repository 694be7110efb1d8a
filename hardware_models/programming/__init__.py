"""Arrays that are written once: how far from its target a conductance is programmed, how it drifts, how noisy a read of it is.

>>> import hardware_models as hw
>>> array = hw.INFERENCE["pcm-like"].array((10, 20), seed=1)
>>> array.program(weights)
>>> array.age(86400.0)
>>> y = array.matvec(x)
"""

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
