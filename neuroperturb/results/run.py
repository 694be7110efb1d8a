"""The record of a run: its experiment, learning curves, weights and comparisons; one self-describing file.

The file is netCDF 4 (`xarray.open_datatree` opens it), holds numbers and text only, and is written to a temporary name
in its own folder and renamed, so that a file of that name is always whole; a line after its end seals it. Its groups:

    /                  attributes: format, status, experiment (TOML), seeds, versions, cpu, a checksum of everything, and a
                       summary for tables of many runs
    /history           one row per epoch        /results           one row for the rule and one for each comparison
    /weights           W[i, j] is from j to i   /initial_weights
    /state             the checkpoint, the pending update included: one array per type, and an index of names and shapes
    /ledger            operation counts and costs of the hardware
    /timing            when and how fast: everything that differs between two runs of one experiment
"""

from __future__ import annotations

import json
import tomllib
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
from numpy.typing import ArrayLike

from neuroperturb.experiments import experiment as config
from neuroperturb.experiments.essence import essence, user_code
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import dumps
from neuroperturb.network.chip.part_tables import PART
from neuroperturb.network.loss_choice import LOSS
from neuroperturb.results import as_xarray, from_above, structure, summary
from neuroperturb.results import file as record_file
from neuroperturb.results import text as report
from neuroperturb.results.columns import HISTORY, RESULTS, TEXT, Status
from neuroperturb.results.figures.learning_curve import learning_curve
from neuroperturb.results.file import RecordError, bits
from neuroperturb.results.grid import spoken
from neuroperturb.results.provenance import cpu, versions
from neuroperturb.rules.user.source import RULE
from neuroperturb.spec import InputError, SpecError
from neuroperturb.spec.data_file import FileNote, recorded
from neuroperturb.spec.user_code import Sought, UserCode, opening
from neuroperturb.tasks.user_task import TASK

if TYPE_CHECKING:
    import pandas as pd
    import xarray
    from matplotlib.axes import Axes

    from neuroperturb.network.chip.chip import Chip

# Texts that may differ between two runs of one experiment: what the machine says of itself, and what a later version says besides.
CIRCUMSTANCES = ("versions", "cpu", "timestamps", "loss", "name", "data")


@dataclass(eq=False, kw_only=True)
class Run:
    """The record of a run.

    Parameters
    ----------
    experiment : Experiment
    history : DataFrame, or a list of rows as dicts, one per epoch; columns as in `HISTORY`, others are allowed
    weights, initial_weights : dict of ndarray, W[i, j] from j to i
    status : "finished", "interrupted" or "diverged"
    diverged_step : int or None, the time step whose loss was not finite
    results : DataFrame, or a list of rows; columns as in `RESULTS`, and ``validation_…``, ``test_…`` for each metric
    seeds : dict of int, one per random stream
    state : dict of ndarray, the checkpoint to resume from
    ledger : dict of plain values
    loss : name of the task's loss, its unit and the score of the best constant output, as in :class:`neuroperturb.tasks.LossScale`;
        empty if unknown
    versions, cpu : dict of str, of the machine that ran it
    timestamps : dict of str
    name : what the run is called in a study, and its file with it; empty outside studies
    data : which files of data it was made with, by path as the experiment has it
    """

    experiment: Experiment
    history: pd.DataFrame
    weights: dict[str, np.ndarray]
    initial_weights: dict[str, np.ndarray]
    status: Status = "finished"
    diverged_step: int | None = None
    results: pd.DataFrame = ()  # type: ignore[assignment]
    seeds: dict[str, int] = field(default_factory=dict)
    state: dict[str, np.ndarray] = field(default_factory=dict)
    ledger: dict[str, Any] = field(default_factory=dict)
    loss: dict[str, Any] = field(default_factory=dict)
    versions: dict[str, str] = field(default_factory=lambda: versions())
    cpu: dict[str, str] = field(default_factory=lambda: cpu())
    timestamps: dict[str, str] = field(default_factory=dict)
    name: str = ""
    data: dict[str, FileNote] = field(default_factory=dict)

    def __post_init__(self):
        self.history = _frame(self.history, HISTORY)
        self.results = _frame(self.results, RESULTS)

    def set_results(self, rows: pd.DataFrame | list[dict[str, Any]]) -> None:
        """Replace the results by a DataFrame or a list of rows."""
        self.results = _frame(rows, RESULTS)

    def save(self, path: str | Path) -> Path:
        """Write the file, whole or not at all; an older file of that name is replaced.

        It is made in memory, where it is twice for a moment. Raises OSError where it cannot be written.
        """
        texts = _texts(self)
        return record_file.write(path, texts, _packed(self), _summary(self, texts).text)

    @classmethod
    def load(cls, path: str | Path) -> Run:
        """Read a file that :meth:`save` wrote; raises RecordError for any other file."""
        return load(path)

    def predict(self, inputs: ArrayLike, *, reset: ArrayLike | None = None, hardware: Chip | None = None) -> np.ndarray:
        """Outputs of the trained network, on the hardware it was trained on, if any; see :func:`neuroperturb.predict`."""
        return from_above.predict(self, inputs, reset=reset, hardware=hardware)

    def plot(self, ax: Axes | None = None) -> Axes:
        """Draw the learning curve on given or new matplotlib axes."""
        return learning_curve(self, ax)

    def to_xarray(self) -> xarray.DataTree:
        """History, weights and results with named dimensions and units, e.g. ``run.to_xarray()["weights/W_rec"]``."""
        return as_xarray.tree(self)

    def answer(self) -> str:
        """Whether it learned, what limits it, what the evidence recommends and what it costs, in two or three sentences.

        Returns
        -------
        str : "" if it is interrupted, or if its loss cannot be compared with anything
        """
        return from_above.answer(self)

    def report(self) -> str:
        """A summary of the run as text and tables, and its answer."""
        return "\n\n".join(part for part in (report.text(self), spoken(self._answer_if_any())) if part)

    def _answer_if_any(self) -> str:
        return from_above.answer(self) if from_above.answer.is_there else ""

    def _repr_html_(self) -> str:
        return report.html(self, self._answer_if_any())

    def __repr__(self) -> str:
        done = int(self.history["epoch"].iloc[-1]) if len(self.history) else 0
        rule, task, chip = config.label(self.experiment), self.experiment.task.label, self.experiment.hardware
        on = task if chip is None else f"{task}, {chip.title}"
        return f"<Run {rule} on {on}: {self.status}, {done} of {self.experiment.training.epochs} epochs>"


def same_science(a: Run, b: Run) -> bool:
    """Whether two runs agree bit for bit in everything except machine, versions and time."""
    return _science(a) == _science(b)


def differences(a: Run, b: Run) -> list[str]:
    """The parts in which two runs differ, as ``group/name``."""
    left, right = _science(a), _science(b)
    return sorted(key for key in left.keys() | right.keys() if left.get(key) != right.get(key))


def _frame(rows, columns) -> pd.DataFrame:
    """A table with at least these columns, of these types; the columns named in TEXT hold text, all others numbers."""
    import pandas as pd

    given = _columns_of(rows)
    count = len(next(iter(given.values()), ()))
    types = columns if isinstance(columns, Mapping) else {}
    typed = {}
    for name in dict.fromkeys([*columns, *given]):
        values = given.get(name, np.full(count, np.nan))
        if name in TEXT:
            text = ["" if value is None or value != value else str(value) for value in values]
            typed[name] = pd.Series(text, dtype=object)
        else:
            typed[name] = np.array(values, dtype=types.get(name, np.float64))
    return pd.DataFrame(typed)


def _columns_of(rows) -> dict:
    """A column of a DataFrame or of a list of rows; nan where a row lacks the key."""
    if hasattr(rows, "columns"):
        return {name: rows[name].to_numpy() for name in rows.columns}
    rows = list(rows)
    return {name: [row.get(name, np.nan) for row in rows] for name in dict.fromkeys(k for row in rows for k in row)}


# ----------------------------------------------------------------------------------------------------------------------
# Parts: a run as (group, name) → array, or text


def _arrays(run: Run) -> Iterator[tuple[str, str, np.ndarray]]:
    """Every array of a run; text columns are arrays of objects. Seconds go to `timing`, the one group that may differ."""
    for group, frame in (("history", run.history), ("results", run.results)):
        for name in frame.columns:
            column = frame[name].to_numpy()
            yield ("timing", f"{group}_seconds", column) if name == "seconds" else (group, name, column)
    for group in ("weights", "initial_weights", "state"):
        for name, array in getattr(run, group).items():
            if "/" in name:
                raise SpecError(group, "Run", "flat names, with dots", name, verb="must have")
            yield group, name, np.asarray(array)


def _packed(run: Run) -> Iterator[tuple[str, str, np.ndarray]]:
    """The same with the state concatenated, one array per type: a netCDF variable costs 8 ms, and a state has hundreds."""
    yield from ((group, name, array) for group, name, array in _arrays(run) if group != "state")
    by_type: dict[str, list[tuple[str, np.ndarray]]] = {}
    for name, array in run.state.items():
        by_type.setdefault(np.asarray(array).dtype.name, []).append((name, np.asarray(array)))
    for kind, items in by_type.items():
        yield "state", kind, np.concatenate([array.ravel() for _, array in items])
        index = [json.dumps([name, *array.shape]) for name, array in items]
        yield "state", f"{kind}_index", np.array(index, dtype=object)


def _unpack(packed: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
    """The state by name, from one array per type and its index of names and shapes."""
    state = {}
    for kind in (name for name in packed if not name.endswith("_index")):
        start = 0
        for name, *shape in map(json.loads, packed[f"{kind}_index"]):
            size = int(np.prod(shape, dtype=np.int64))
            state[name] = packed[kind][start : start + size].reshape(shape)
            start += size
    return state


def _texts(run: Run) -> dict[str, str]:
    """All texts, as attributes of the file."""
    return {
        "status": run.status,
        "diverged_step": json.dumps(run.diverged_step),
        "experiment": dumps(run.experiment),
        "seeds": json.dumps(run.seeds),
        "ledger": json.dumps(run.ledger),
        **({"loss": json.dumps(run.loss)} if run.loss else {}),
        **({"name": run.name} if run.name else {}),
        **({"data": json.dumps({path: note._asdict() for path, note in run.data.items()})} if run.data else {}),
        "versions": json.dumps(run.versions),
        "cpu": json.dumps(run.cpu),
        "timestamps": json.dumps(run.timestamps),
    }


def _science(run: Run) -> dict[str, tuple]:
    arrays = {f"{group}/{name}": bits(array) for group, name, array in _arrays(run) if group != "timing"}
    texts = {**_texts(run), "experiment": json.dumps(essence(run.experiment.table()), sort_keys=True)}
    return arrays | {k: (v,) for k, v in texts.items() if k not in CIRCUMSTANCES}


# ----------------------------------------------------------------------------------------------------------------------
# The file


def load(
    path: str | Path,
    *,
    task: type | None = None,
    rule: type | None = None,
    hardware: type | Sequence[type] = (),
    loss: type | None = None,
) -> Run:
    """Read a run's file; raises RecordError for any other file. No code that a record names is run.

    Parameters
    ----------
    path : of the file
    task, rule, hardware, loss : user-defined classes that the record names, cells among them: given here, they need not be found and imported
        where the run is repeated, resumed or deployed; refused where they do something else than those of the record
    """
    path = Path(path)
    if not path.is_file():
        raise RecordError(f"There is no run file {str(path)!r}.")
    texts, arrays = record_file.read(path)
    try:
        with opening(path.parent):  # paths in it are not followed: a record is data
            run = _run(texts, arrays)
            cells = [hardware] if isinstance(hardware, type) else hardware
            _give(run, path, [(task, TASK), (rule, RULE), (loss, LOSS), *((cell, PART) for cell in cells)])
    except InputError as error:
        raise RecordError(f"The file {str(path)!r} holds an experiment this version cannot read: {error}") from None
    except (KeyError, IndexError, TypeError, ValueError, AttributeError):  # whole, and of another structure
        raise RecordError(
            f"The file {str(path)!r} was not written by neuroperturb: parts of a run are missing."
        ) from None
    wrong = structure.fault(run)
    if wrong:
        raise RecordError(f"The file {str(path)!r} was not written by neuroperturb: {wrong}.")
    return run


def _give(run: Run, path: Path, given: list[tuple[type | None, Sought]]) -> None:
    """Have classes stand for what a record names; raises RecordError for one that it does not."""
    named = user_code(run.experiment.table())
    for cls, sought in given:
        if cls is not None and UserCode.of(cls, sought) not in named:
            raise RecordError(
                f"The record {str(path)!r} was not made with this {sought.noun} {cls.__name__!r}: it names "
                f"{', '.join(code.name for code in named) or 'none'}."
            )


def existing(folder: Path, experiment: Experiment) -> Path | None:
    """A record of this experiment in a folder, whatever its file name: earlier versions named files differently."""
    for path in sorted(folder.glob("*.nc")):
        try:
            with opening(folder):
                if Experiment.parse(tomllib.loads(record_file.experiment(path))) == experiment:
                    return path
        except (InputError, tomllib.TOMLDecodeError):
            continue
    return None


def _summary(run: Run, texts: dict[str, str]) -> summary.Summary:
    history, results = (
        {name: frame[name].to_numpy() for name in frame.columns if name not in ("seconds", *TEXT)}
        for frame in (run.history, run.results)
    )
    return summary.take(history, results, run.history["seconds"].to_numpy(), texts)


def _run(texts: dict[str, str], arrays: dict[str, np.ndarray]) -> Run:
    import pandas as pd

    def group(name):
        return {key.split("/", 1)[1]: array for key, array in arrays.items() if key.split("/", 1)[0] == name}

    timing, tables = group("timing"), {}
    for name, wanted in (("history", HISTORY), ("results", RESULTS)):
        columns = {**group(name), "seconds": timing[f"{name}_seconds"]}
        if not set(wanted) <= set(columns):
            raise KeyError(name)
        tables[name] = pd.DataFrame(columns)
    plain = {
        name: json.loads(texts[name]) for name in ("diverged_step", "seeds", "ledger", "versions", "cpu", "timestamps")
    }
    plain["loss"] = json.loads(texts.get("loss", "{}"))
    plain["name"] = texts.get("name", "")
    data = {path: FileNote(**note) for path, note in json.loads(texts.get("data", "{}")).items()}
    kept = {name: group(name) for name in ("weights", "initial_weights")}
    with recorded(data):
        experiment = Experiment.parse(tomllib.loads(texts["experiment"]))
    return Run(
        experiment=experiment,
        data=data,
        status=texts["status"],
        **tables,
        **kept,
        state=_unpack(group("state")),
        **plain,
    )
