"""Writing: how the changes that updates request become changes of cells, one way a file.

    writing=None        every request by itself: the cell rounds it, Δ_k / granularity, to whole pulses     `by_cell`
    CoincidenceTrains   pulses where random trains on the lines of row and column coincide                 `coincidence`
    MixedPrecision      requests are summed digitally, whole steps are sent                                `mixed_precision`

A way of writing is a :class:`hardware_models.crossbar.contract.Writing`: what it keeps, and the compiled parts of a
:class:`hardware_models.crossbar.sweep.WritePath`.
"""

from hardware_models.writing.by_cell import ByCell as ByCell
from hardware_models.writing.coincidence import CoincidenceTrains as CoincidenceTrains
from hardware_models.writing.coincidence import ImplicitTrains as ImplicitTrains
from hardware_models.writing.coincidence import MeanCountTrains as MeanCountTrains
from hardware_models.writing.mixed_precision import MixedPrecision as MixedPrecision

# Names in tables
KINDS = {
    "coincidence-trains": CoincidenceTrains,
    "mean-count-trains": MeanCountTrains,
    "implicit-trains": ImplicitTrains,
    "mixed-precision": MixedPrecision,
}
