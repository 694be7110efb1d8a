"""Results of a search: a row per trial in `tune.csv`, the best settings of every cell, and a figure of all trials.

Columns: ``cell``, ``number`` of the trial, ``state`` as Optuna calls it, ``value``, the mean validation loss, and ``params_KEY`` for every
key of `[tune]`, in the form of the declaration.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from neuroperturb.results import neutral, outputs
from neuroperturb.results.figures.style import BLUE, GREEN, blank, literal, styled, tidy
from neuroperturb.results.file import RecordError
from neuroperturb.results.grid import grid, number
from neuroperturb.study.labels import last, value_label
from neuroperturb.study.tune_table import Tune

if TYPE_CHECKING:
    import pandas as pd
    from matplotlib.figure import Figure

TABLE = "tune.csv"
PARAMETER = "params_"
NEEDED = ("number", "value", "state", "cell")
COMPLETE = "COMPLETE"
MOST = 12  # most cells in a figure


class Best(NamedTuple):
    """The best trial of a cell.

    settings : by the last part of their keys;  loss : mean validation loss, nan if no trial succeeded
    trials : number that succeeded;  given_up : number of the others
    """

    cell: str
    settings: dict[str, Any]
    loss: float
    trials: int
    given_up: int


def settings_of(asked: Tune, stored: dict[str, Any]) -> dict[str, Any]:
    """Values of a trial in the form of the declaration, from those stored in the database."""
    return {key: asked.over[key].value(one) for key, one in stored.items() if key in asked.over}


def trials(asked: Tune, label: str, searched) -> pd.DataFrame:
    """A row per trial of one cell."""
    import pandas as pd

    rows = []
    for trial in searched.get_trials(deepcopy=False):
        settings = settings_of(asked, trial.params)
        told = {PARAMETER + key: _plain(settings.get(key)) for key in asked.over}
        rows.append({"number": trial.number, "value": trial.value, "state": trial.state.name, **told, "cell": label})
    columns = ["number", "value", "state", *(PARAMETER + key for key in asked.over), "cell"]
    return pd.DataFrame(rows, columns=columns, dtype=object)


def write(folder: Path, tables: Sequence[pd.DataFrame]) -> None:
    """Write the trials of all cells so far, whole or not at all."""
    import pandas as pd

    if tables:
        outputs.write_text(folder / TABLE, neutral.csv(pd.concat(tables)))


def read(folder: Path) -> pd.DataFrame:
    """The trials of a search's folder; raises RecordError if the file is invalid."""
    import pandas as pd

    path = folder / TABLE
    try:
        frame = pd.read_csv(path, keep_default_na=False, dtype=str, encoding="utf-8")
        if not set(NEEDED) <= set(frame.columns):
            raise ValueError
        frame["value"] = pd.to_numeric(frame["value"].where(frame["value"] != "", "nan"))
        frame["number"] = frame["number"].astype(int)
    except OSError as error:
        raise RecordError(f"The file {str(path)!r} cannot be read: {error.strerror or error}.") from None
    except (ValueError, TypeError, pd.errors.ParserError):
        raise RecordError(f"The file {str(path)!r} is damaged: run `tune` again, which keeps its trials.") from None
    return frame


def best(frame: pd.DataFrame) -> list[Best]:
    """The best setting of every cell, in the order of the table."""
    found = []
    for cell, rows in frame.groupby("cell", sort=False):
        ended = rows[(rows["state"] == COMPLETE) & rows["value"].notna()]
        settings, loss = {}, float("nan")
        if len(ended):
            first = ended.loc[ended["value"].idxmin()]
            loss = float(first["value"])
            settings = {c.removeprefix(PARAMETER): first[c] for c in frame.columns if c.startswith(PARAMETER)}
        found.append(Best(str(cell), settings, loss, len(ended), int((rows["state"] == "PRUNED").sum())))
    return found


def table(made: Sequence[Best]) -> str:
    """The best settings as text."""
    keys = list(dict.fromkeys(key for one in made for key in one.settings))
    columns = {"cell": [one.cell or "all" for one in made], "trials": [str(one.trials) for one in made]}
    columns |= {
        "pruned or failed": [str(one.given_up) for one in made],
        "validation": [number(one.loss) or "–" for one in made],
    }
    columns |= {last(key): [one.settings.get(key, "–") for one in made] for key in keys}
    return grid(columns)


def markdown(made: Sequence[Best]) -> str:
    """The best settings as a Markdown table."""
    keys = list(dict.fromkeys(key for one in made for key in one.settings))
    rows = [["cell", "trials", "pruned or failed", "validation", *keys], ["---"] * (4 + len(keys))]
    for one in made:
        told = [one.cell or "all", str(one.trials), str(one.given_up), number(one.loss) or "–"]
        rows.append([*told, *(one.settings.get(key, "–") for key in keys)])
    return "".join(f"| {' | '.join(map(neutral.markdown, row))} |\n" for row in rows) + outputs.COMMENT


@styled
def draw(frame: pd.DataFrame) -> Figure:
    """Validation loss trial by trial, the best so far as a line, a panel per cell."""
    cells = list(frame.groupby("cell", sort=False))[:MOST]
    page = blank(6.0, 2.2 * len(cells) + 0.6)
    for ax, (cell, rows) in zip(page.subplots(len(cells), squeeze=False)[:, 0], cells, strict=True):
        ended = rows[rows["value"].notna()].sort_values("number")
        done = ended[ended["state"] == COMPLETE]
        ax.plot(ended["number"], ended["value"], "o", color=BLUE, alpha=0.6, ms=4, label="a trial")
        ax.step(done["number"], done["value"].cummin(), where="post", color=GREEN, label="the best so far")
        if len(done) and (done["value"] > 0).all():
            ax.set_yscale("log")
        ax.xaxis.get_major_locator().set_params(integer=True)
        ax.set_title(literal(cell) or "all")
        ax.set(xlabel="trial", ylabel="validation loss")
        tidy(ax, "y")
        ax.legend(loc="best")
    return page


def _plain(value: Any) -> Any:
    return value_label(value) if isinstance(value, dict | list | tuple) else value
