"""A study's folder as tables: one row per run, read straight from the files, a millisecond each.

runs     every seed of every cell at the chosen setting: axes, status, losses, metrics, trials, writes, hardware, time
search   every candidate setting, with its validation loss; without test losses, which must not influence the choice
curves   losses epoch by epoch of the runs in `runs`
fits     baselines, by task and seed
ages     test losses of trained weights on other chips, as these age
"""

from __future__ import annotations

import json
import math
import tomllib
from collections.abc import Iterable
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from neuroperturb.results.file import RecordError, opened
from neuroperturb.results.text import METRICS
from neuroperturb.spec import SpecError, suggest
from neuroperturb.spec.data_file import FileNote, note_of
from neuroperturb.study import effort, rate_search
from neuroperturb.study.declaration import OWNER, REPLICATES
from neuroperturb.study.grid import Cell
from neuroperturb.study.labels import value_label
from neuroperturb.study.store import RunOutcome, StudyFolder
from neuroperturb.study.time_left import RunTimes

if TYPE_CHECKING:
    import pandas as pd

LAST = (
    "train_loss",
    "twin_distance",
    "spectral_radius",
    "skipped",
    "dW_in",
    "dW_rec",
    "dW_out",
)  # columns of the history
HARDWARE = ("pulses", "pulses_per_cell", "endurance_used", "energy", "energy_low", "energy_high", "busy_time")
TOOK = ("memory", *effort.COLUMNS)  # of records that have them: those of before have not
FIXED = ("cell", "grid", "control", "status", "reason", "validation", "test", "seconds", "epochs", "run")


class Curve(NamedTuple):
    """Losses of one run, epoch by epoch."""

    epoch: np.ndarray
    train: np.ndarray
    validation: np.ndarray


class Tables(NamedTuple):
    """All data of a report.

    study : the declaration's table, with the study's name;  cells : list of Cell
    chosen : number of the setting chosen in every cell, None where it is not done
    curves : by name of a run;  machines : what made the runs, each with how many
    losses : by number of a cell, what its loss is called, its unit and what a constant output scores; none of version 0.1.0
    remarks : sentences on files that have the names of runs and are none, and on data that changed since
    """

    study: dict
    cells: list[Cell]
    chosen: list[int | None]
    runs: pd.DataFrame
    search: pd.DataFrame
    curves: dict[str, Curve]
    fits: pd.DataFrame
    ages: pd.DataFrame
    machines: dict[str, int]
    losses: dict[int, dict]
    remarks: list[str]


class Rest(NamedTuple):
    """Progress of a study.

    done : finished runs;  runs : still to do, at least;  seconds : of these, one at a time; nan if unknown
    """

    done: int
    runs: int
    seconds: float


def read(folder: StudyFolder) -> Tables:
    """Everything in a study's folder; raises RecordError if there is no study."""
    import pandas as pd

    study, cells = folder.read_index()
    outcomes, unread = _outcomes(folder, cells)
    chosen = [rate_search.chosen(cell, outcomes) for cell in cells]
    rows, ages, curves, machines, losses = [], [], {}, {}, {}
    for number, (cell, candidate) in enumerate(zip(cells, chosen, strict=True)):
        shown = cell.shown(candidate)
        if not shown:
            waits = {"status": "missing", "reason": "its search is not over", "run": ""}
            rows += [{**_place(number, cell, None, seed), **waits} for seed in cell.reported]
        for seed, name in zip(cell.reported, shown, strict=False):  # none is shown while several settings compete
            row, curve, machine = _row(folder, outcomes.get(name), name, study.get("threshold"))
            row |= {"reason": unread[name]} if name in unread else {}
            rows.append({**_place(number, cell, candidate, seed), **row})
            if curve is not None:
                curves[name] = curve
                machines[machine] = machines.get(machine, 0) + 1
                losses |= {number: seen} if (seen := outcomes[name].summary.loss) else {}
                place = _place(number, cell, candidate, seed)
                ages += [{**place, "run": name, **aged} for aged in (_ages(folder, name) if "ageing" in study else ())]
    runs = pd.DataFrame(_kept(rows, study.get("metrics"), cells))
    return Tables(
        study=study, cells=cells, chosen=chosen, runs=runs, search=_search(cells, outcomes), curves=curves,
        fits=_fits(folder, cells), ages=pd.DataFrame(ages), machines=machines, losses=losses,
        remarks=[*unread.values(), *_changed_data(outcomes.values())],
    )  # fmt: skip


def rest(folder: StudyFolder, cells: list[Cell]) -> Rest:
    """What of a study is there, and what is still to do."""
    outcomes, _ = _outcomes(folder, cells)
    times, todo = RunTimes(cells), np.zeros(len(cells))
    for number, cell in enumerate(cells):
        known = [outcomes[name] for names in cell.names for name in names if name in outcomes]
        for outcome in known:
            if outcome.status == "finished":
                times.note(number, outcome.seconds)
        wanted = len(rate_search.wanted(cell, outcomes))
        todo[number] = max(wanted, rate_search.size(cell)[0] - len(known)) if wanted else 0
    return Rest(len(outcomes), int(todo.sum()), float(todo @ times.seconds()))


def check_metrics(metrics: Iterable[str] | None) -> None:
    """Reject a metric that no run can have."""
    known = [*METRICS, *LAST, *HARDWARE, *TOOK, "limit", "epochs_to_threshold", "diverged_step"]
    for name in metrics or ():
        if name not in known:
            raise SpecError("metrics", OWNER, repr(name), hint=suggest(str(name), known), verb="cannot hold")


def hardware(ledger: dict) -> dict[str, float]:
    """Operation of the arrays and its cost, from a record's ledger; empty if it has none."""
    section = ledger.get("hardware")
    total = section.get("total") if isinstance(section, dict) else None
    if not isinstance(total, dict):
        return {}
    counts, cells, worn = (total.get(key) or {} for key in ("counts", "pulses_per_cell", "endurance_used"))
    row = {
        "pulses": counts.get("pulses_up", 0) + counts.get("pulses_down", 0),
        "pulses_per_cell": cells.get("mean"),
        "endurance_used": next((part.get("typical") for part in worn.values()), None),
    }
    energy, time = total.get("energy") or {}, total.get("time") or {}
    if energy:
        row |= {
            "energy": _sum(energy, "typical"),
            "energy_low": _sum(energy, "low"),
            "energy_high": _sum(energy, "high"),
        }
    if time:
        row["busy_time"] = _sum(time, "typical")
    return {key: float(value) for key, value in row.items() if value}


# ----------------------------------------------------------------------------------------------------------------------
# Rows


def _row(
    folder: StudyFolder, outcome: RunOutcome | None, name: str, threshold: float | None
) -> tuple[dict, Curve | None, str]:
    """Results of a run, its learning curve, and its provenance."""
    if outcome is None:
        return {"status": "missing", "run": name}, None, ""
    if outcome.status == "failed":
        return {"status": "failed", "reason": outcome.reason, "run": name}, None, ""
    seen = outcome.summary
    epoch, *losses = seen.curves.values()
    curve = Curve(np.array(epoch, np.int64), *(np.array(loss, float) for loss in losses))
    row = {
        "status": outcome.status,
        "run": name,
        "validation": outcome.validation,
        "test": seen.first.get("test", math.nan),
    }
    row |= {key: value for key, value in seen.first.items() if key.startswith(("test_", "validation_"))}
    row |= {key: seen.last.get(key, math.nan) for key in LAST}
    row |= {key: seen.first[key] for key in TOOK if key in seen.first}
    row |= {"seconds": outcome.seconds, "epochs": epoch[-1] if epoch else 0}
    row |= {"diverged_step": seen.diverged} if outcome.status == "diverged" else {}
    if threshold is not None:
        row["epochs_to_threshold"] = _reaches(curve, threshold)
    ledger, table = _inside(folder, name, seen.ledger)
    # where a record of before does not say what it took, its experiment and its ledger do in part
    return _effort(ledger, table, row["epochs"]) | row | hardware(ledger) | _warned(ledger), curve, seen.made


def _warned(ledger: dict) -> dict[str, str]:
    """The ratio that a run on arrays was warned of before its first step, "" for none."""
    section = ledger.get("hardware")
    return {"limit": section.get("limit", "")} if isinstance(section, dict) else {}


def _inside(folder: StudyFolder, name: str, counted: bool) -> tuple[dict, dict]:
    """The ledger of a record, empty if it has none, and its experiment as a table: nothing of it is run."""
    with opened(folder.run_file(name)) as record:
        ledger = json.loads(record.file["ledger/json"].asstr()[()]) if counted else {}
        return ledger, tomllib.loads(str(record.file.attrs["experiment"]))


def _effort(ledger: dict, table: dict, epochs: int) -> dict[str, float]:
    """What a run took: trials, where its task counts them, and writes of a matrix."""
    took, trials = {}, table.get("task", {}).get("trials_per_epoch")
    if isinstance(trials, int) and epochs:
        batch = table.get("training", {}).get("batch_size") or 1
        took["trials"] = float(-(-trials // batch) * batch * epochs)  # rounded up to whole batches
    section = ledger.get("hardware")
    arrays = section.get("arrays") if isinstance(section, dict) else None
    updates = [array.get("ledger", {}).get("counts", {}).get("updates", 0) for array in (arrays or {}).values()]
    if any(updates):
        took["writes"] = float(max(updates))  # frozen matrices are not written
    return took


def _ages(folder: StudyFolder, name: str) -> list[dict]:
    """What became of a run's weights: hardware, chip, age [s], loss, and loss compensated."""
    with opened(folder.run_file(name)) as record:
        results = record.file["results"]
        if "age" not in results:
            return []
        columns = {"hardware": results["name"].asstr()[1:]}
        columns |= {key: results[key][1:] for key in ("chip", "age", "test", "compensated")}
    columns["chip"] = columns["chip"].astype(int)
    return [dict(zip(columns, values)) for values in zip(*columns.values())]


def _place(number: int, cell: Cell, candidate: int | None, seed: int) -> dict[str, Any]:
    """Columns that locate a run: its cell, its axes, its setting."""
    place = {"cell": number, "grid": cell.grid, "control": cell.control}
    place |= {key: _plain(value) for key, value in {**cell.point, **cell.seeds[seed]}.items()}
    if candidate is not None:
        place |= {key: _plain(value) for key, value in cell.candidates[candidate].items()}
        place |= {"at_the_edge": " ".join(rate_search.at_the_edge(cell, candidate))} if len(cell.candidates) > 1 else {}
    return place


def _kept(rows: list[dict], metrics: list[str] | None, cells: list[Cell]) -> list[dict]:
    """Rows with the requested columns, all in one order."""
    axes = {key for cell in cells for one in (cell.point, *cell.seeds, *cell.candidates) for key in one}
    keys = list(dict.fromkeys(key for row in rows for key in row))
    if metrics is not None:
        always = {*FIXED, *axes, "at_the_edge"}
        keys = [
            key for key in keys if key in always or key.removeprefix("test_").removeprefix("validation_") in metrics
        ]
    return [{key: row.get(key) for key in keys} for row in rows]


def _search(cells: list[Cell], outcomes: dict[str, RunOutcome]) -> pd.DataFrame:
    import pandas as pd

    rows = []
    for number, cell in enumerate(cells):
        if len(cell.candidates) > 1:
            for candidate, names in enumerate(cell.names):
                for seed, name in enumerate(names):
                    if name in outcomes:
                        ended = outcomes[name]
                        place = _place(number, cell, candidate, seed)
                        rows.append({**place, "status": ended.status, "validation": ended.validation, "run": name})
    return pd.DataFrame(rows)


def _fits(folder: StudyFolder, cells: list[Cell]) -> pd.DataFrame:
    """Rows of baselines; those of cells that share data are repeated for each of them."""
    import pandas as pd

    read, rows = {}, []
    for number, cell in enumerate(cells):
        if cell.control:
            continue
        for seed, name in zip(cell.reported, cell.fits, strict=True):
            if name not in read:
                read[name] = folder.fit(name) or []
            where = {"cell": number, **{k: v for k, v in cell.seeds[seed].items() if k in REPLICATES}}
            rows += [
                {**where, **{k: v for k, v in row.items() if k in ("name", "validation", "test")}} for row in read[name]
            ]
    return pd.DataFrame(rows, columns=None if rows else ["cell", "name", "validation", "test"])


def _outcomes(folder: StudyFolder, cells: list[Cell]) -> tuple[dict[str, RunOutcome], dict[str, str]]:
    """How runs ended, by name, and why a file is no run, by name."""
    rooms = (room for room in (folder.runs, folder.failed) if room.is_dir())  # an empty one is lost in some copies
    there = {path.name for room in rooms for path in room.iterdir()}
    names = {name for cell in cells for names in cell.names for name in names}
    known, unread = {}, {}
    for name in sorted(n for n in names if f"{n}.nc" in there or f"{n}.json" in there):
        try:
            outcome = folder.outcome(name)
        except RecordError as error:
            unread[name] = str(error)
        else:
            known |= {} if outcome is None else {name: outcome}
    return known, unread


def _changed_data(outcomes: Iterable[RunOutcome]) -> list[str]:
    """Sentences on files of data that are there, and are not those that runs were made with."""
    made_with = {(path, FileNote(**note)) for one in outcomes for path, note in one.data}
    now = {note.place: note_of(note.place) for _, note in made_with}
    said = {note.difference(path, there) for path, note in made_with if (there := now[note.place]) is not None}
    return sorted(said - {""})


def _reaches(curve: Curve, threshold: float) -> float:
    """The first epoch whose validation loss is below a threshold; ∞ if none is."""
    below = curve.epoch[curve.validation < threshold]
    return float(below[0]) if below.size else math.inf


def _sum(brackets: dict, end: str) -> float:
    return sum(bracket.get(end, 0.0) for bracket in brackets.values())


def _plain(value: Any) -> Any:
    """A value that a table can hold."""
    return value_label(value) if isinstance(value, dict | list | tuple) else value
