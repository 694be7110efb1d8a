"""The file of a measured chip: what its cells are, array by array.

    hardware = {name = "ecram", cells = "chip.npz"}       names: W_rec.step_up, W_rec.bound_up, W_in.stuck …, or step_up for each matrix
    [hardware.W_rec]  cells = "rec.npz"                   names: step_up, bound_up, stuck …

The file takes the place of what the cell model would draw for each cell; its formula, noise and everything else stay. A record keeps
the path and the hash of the file, as of any file of data.
"""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping

import hardware_models as hw
from hardware_models.saving.chip_cells import ENDING, names_in
from neuroperturb.network.rnn import DECORRELATING, LEARNT
from neuroperturb.spec import InputError, data_file
from neuroperturb.spec.data_file import DataPath

NAME = "cells_file"
MATRICES = (*LEARNT, *DECORRELATING, "P")


def named(table: Mapping) -> Mapping:
    """A table of hardware in which a file of cells, given in the place of cells, has its own key."""
    cells = table.get("cells")
    if not (isinstance(cells, str) and cells.lower().endswith(ENDING)):
        return table
    return {**{key: value for key, value in table.items() if key != "cells"}, NAME: cells}


def typed(made_of: hw.Hardware) -> hw.Hardware:
    """The same, with a path that knows beside which file it was typed."""
    path = made_of.cells_file
    if path is None or isinstance(path, DataPath):
        return made_of
    return dataclasses.replace(made_of, cells_file=DataPath.typed(path))


def with_file_found(made_of: hw.Hardware) -> hw.Hardware:
    """Hardware whose file of cells is where it is; raises InputError where there is none, or where it names no matrix of a network."""
    path = made_of.cells_file
    if path is None:
        return made_of
    place = data_file.find(path)
    if place is None:
        sought = path.sought if isinstance(path, DataPath) else "the current folder"
        raise InputError(f"The file of cells {str(path)!r} does not exist: it was searched for in {sought}.")
    stray = next((name for name in names_in(place) if "." in name and name.rpartition(".")[0] not in MATRICES), None)
    if stray is not None:
        raise InputError(
            f"The file {str(path)!r} names cells of no matrix: {stray!r}. Before the point stands one of {', '.join(MATRICES)}."
        )
    return dataclasses.replace(made_of, cells_file=str(place))
