"""Ageing of cells, one mechanism per file; `Ageing` combines them and is applied by ``array.age(seconds)``."""

from hardware_models.ageing.ageing import Ageing as Ageing
from hardware_models.ageing.ageing import AgeingState as AgeingState
from hardware_models.ageing.diffusion import Diffusion as Diffusion
from hardware_models.ageing.drift import Drift as Drift
from hardware_models.ageing.drift import StateDrift as StateDrift
from hardware_models.ageing.faults import Faults as Faults
from hardware_models.ageing.leak import Leak as Leak
from hardware_models.ageing.mechanism import Mechanism as Mechanism
from hardware_models.ageing.retention import Retention as Retention
from hardware_models.ageing.slow_noise import SlowNoise as SlowNoise
from hardware_models.ageing.slow_sources import OneOverF as OneOverF
from hardware_models.ageing.slow_sources import OrnsteinUhlenbeck as OrnsteinUhlenbeck
from hardware_models.ageing.slow_sources import Telegraph as Telegraph
from hardware_models.ageing.wear import Wear as Wear
