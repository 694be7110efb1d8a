"""What parts of hardware are called in tables and on the command line: (class, field) → kind → class, or a preset.

Strings live here; everything else takes objects. A new part is one line.
"""

from __future__ import annotations

from typing import Any

import hardware_models as hw
from hardware_models import ageing
from hardware_models import programming as inference
from hardware_models.ageing import slow_noise as noise
from hardware_models.crossbar import weights as cells
from hardware_models.programming import by_pulses as programming
from hardware_models.reading import converters, reading
from hardware_models.writing import coincidence as trains
from hardware_models.writing import mixed_precision

PRESETS: dict[str, hw.Hardware] = {name: preset.hardware for name, preset in hw.PRESETS.items()}

WRITTEN_ONCE = {
    "pcm-like": inference.PCMLike,
    "hermes": inference.Hermes,
    "state-independent": inference.StateIndependent,
    "reram-wan-2022": inference.ReRamWan2022,
    "reram-cmo": inference.ReRamCMO,
    "pcm-joshi": inference.PCMJoshi,
    "rram-milo": inference.RRAMMilo,
    "sonos": inference.SONOS,
    "generic-noise": inference.GenericNoise,
}
CONVERTERS = {"converter": converters.Converter, "clip": converters.Clip}

KINDS: dict[tuple[type, str], dict[str, Any]] = {
    (hw.Hardware, "cells"): {
        **hw.CELLS,
        **{name: made_of.cells for name, made_of in PRESETS.items() if made_of.cells.is_pulsed},
    },
    (hw.Hardware, "weight"): {
        "single": cells.Single,
        "pair": cells.DifferentialPair,
        "one-sided-pair": cells.OneSidedPair,
        "zero-shifted": cells.ZeroShifted,
        "devices": cells.Devices,
    },
    (hw.Hardware, "writing"): {
        "coincidence-trains": trains.CoincidenceTrains,
        "mean-count-trains": trains.MeanCountTrains,
        "implicit-trains": trains.ImplicitTrains,
        "mixed-precision": mixed_precision.MixedPrecision,
    },
    (hw.Hardware, "programming"): {
        "exact": programming.Exact,
        "write-verify": programming.WriteVerify,
        "open-loop": programming.OpenLoop,
        **WRITTEN_ONCE,
    },
    (hw.Hardware, "reading"): {"analog": reading.Reading},
    (hw.Hardware, "time"): {"ageing": ageing.Ageing},
    (hw.Hardware, "costs"): {
        **{name: made_of.costs for name, made_of in PRESETS.items() if made_of.costs is not None},
        **hw.COSTS,
        "analog": hw.AnalogCosts,
        "digital": hw.DigitalCosts,
    },
    (reading.Reading, "dac"): CONVERTERS,
    (reading.Reading, "adc"): CONVERTERS,
    (reading.Reading, "scaling"): {"abs-max": converters.AbsMax, "scaled": converters.Scaled},
    (reading.Reading, "weight_noise"): {
        "constant": reading.ConstantReadNoise,
        "root": reading.RootReadNoise,
        "proportional": reading.ProportionalReadNoise,
    },
    (ageing.Ageing, "drift"): {"drift": ageing.Drift, "state-drift": ageing.StateDrift},
    (noise.SlowNoise, "sources"): {
        "ornstein-uhlenbeck": noise.OrnsteinUhlenbeck,
        "one-over-f": noise.OneOverF,
        "telegraph": noise.Telegraph,
    },
}
