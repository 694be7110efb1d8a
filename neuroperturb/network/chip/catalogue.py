"""Names of hardware parts in tables and on the command line: (class, field) → kind → class, or a preset.

Each package of hardware_models names its own parts; they are combined here. All other code uses objects instead of names.
"""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping
from typing import Any

import hardware_models as hw
from hardware_models.ageing import ageing, drift, slow_sources
from hardware_models.costs import model as costs
from hardware_models.crossbar import weights
from hardware_models.programming import BY_PULSES, WRITTEN_ONCE
from hardware_models.reading import converters, reading
from hardware_models.writing import KINDS as WRITINGS

PRESETS: dict[str, hw.Hardware] = {name: preset.hardware for name, preset in hw.PRESETS.items()}

RECOMMENDED: dict[str, hw.Hardware] = {
    name: preset.recommended for name, preset in hw.PRESETS.items() if preset.recommended is not None
}

# Later lists come first, and the first entry wins for a name in several lists.
KINDS: dict[tuple[type, str], Mapping[str, Any]] = {
    (hw.Hardware, "cells"): ChainMap(
        {name: made_of.cells for name, made_of in PRESETS.items() if made_of.cells.is_pulsed}, hw.CELLS
    ),
    (hw.Hardware, "weight"): weights.KINDS,
    (hw.Hardware, "writing"): WRITINGS,
    (hw.Hardware, "programming"): ChainMap(WRITTEN_ONCE, BY_PULSES),
    (hw.Hardware, "reading"): reading.KINDS,
    (hw.Hardware, "time"): ageing.KINDS,
    (hw.Hardware, "costs"): ChainMap(
        costs.KINDS, hw.COSTS, {name: made_of.costs for name, made_of in PRESETS.items() if made_of.costs is not None}
    ),
    (reading.Reading, "dac"): converters.CONVERTERS,
    (reading.Reading, "adc"): converters.CONVERTERS,
    (reading.Reading, "scaling"): converters.SCALINGS,
    (reading.Reading, "weight_noise"): reading.WEIGHT_NOISES,
    (ageing.Ageing, "drift"): drift.KINDS,
    (hw.SlowNoise, "sources"): slow_sources.KINDS,
}
