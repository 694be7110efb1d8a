"""Write schemes, one per file: they convert requested changes to changes of cells.

    writing=None        every request separately: the cell rounds Δ_k / granularity to whole pulses         `by_cell`
    CoincidenceTrains   pulses where random trains on the lines of row and column coincide                 `coincidence`
    MixedPrecision      requests are accumulated digitally, whole steps are sent                           `mixed_precision`
    ClosedLoop          the same, and cells are read back: what they did not do is kept                    `closed_loop`
    Transfer            requests go to a fast array, and row by row from there into the weights            `transfer`
    Tiles               requests go to the finest of several tiles, which hands on what it cannot hold     `tiles`

A write scheme is a :class:`hardware_models.crossbar.contract.Writing`: its state, and the compiled parts of a
:class:`hardware_models.crossbar.sweep.WritePath`.
"""

from hardware_models.writing.by_cell import ByCell as ByCell
from hardware_models.writing.closed_loop import ClosedLoop as ClosedLoop
from hardware_models.writing.coincidence import CoincidenceTrains as CoincidenceTrains
from hardware_models.writing.coincidence import ImplicitTrains as ImplicitTrains
from hardware_models.writing.coincidence import MeanCountTrains as MeanCountTrains
from hardware_models.writing.mixed_precision import MixedPrecision as MixedPrecision
from hardware_models.writing.tiles import Tiles as Tiles
from hardware_models.writing.transfer import Transfer as Transfer

# Names in tables
KINDS = {
    "coincidence-trains": CoincidenceTrains,
    "mean-count-trains": MeanCountTrains,
    "implicit-trains": ImplicitTrains,
    "mixed-precision": MixedPrecision,
    "closed-loop": ClosedLoop,
    "transfer": Transfer,
    "tiles": Tiles,
}
