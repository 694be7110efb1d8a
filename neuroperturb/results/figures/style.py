"""The style of all figures: palette, page, axes, and labels that do not overlap."""

from __future__ import annotations

import functools
import io
import textwrap
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, ParamSpec, TypeVar

import numpy as np

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure

P, T = ParamSpec("P"), TypeVar("T")

# Okabe and Ito's palette, safe for colour blindness; dashes and markers distinguish the lines in grey, too.
BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK = "#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"  # fmt: skip
COLOURS = (BLUE, VERMILION, GREEN, PURPLE, ORANGE, SKY, BLACK)
MARKERS, DASHES = ("o", "s", "^", "D", "v", "P", "X"), ("-", (0, (5, 2)), (0, (1, 1.2)), (0, (5, 1.5, 1, 1.5)))
INK, DARK, GREY, PALE = "#333333", "#4D4D4D", "#8A8A8A", "0.9"  # text; references; notes and baselines; grids
WIDE, WIDEST, NARROW = (
    10.0,
    13.0,
    3.9,
)  # inches of a figure: usual, largest where the order of panels needs it, on a phone
PAIRED = 21  # characters of entries of a legend, two of which fit side by side on a phone
TITLE = 10  # characters of a title in an inch
GAP = 0.05  # smallest distance between two labels, as a fraction of the axis
SMALL, NOTE = 8, 7.5  # points: ticks and legends; labels inside a figure
PAGE = {  # matplotlib's settings of every figure
    "font.size": 9, "axes.titlesize": 9, "axes.titlelocation": "left", "axes.titleweight": "bold", "axes.labelsize": 9, "axes.labelcolor": INK,
    "axes.edgecolor": GREY, "axes.spines.top": False, "axes.spines.right": False, "axes.linewidth": 0.8, "axes.axisbelow": True,
    "text.color": INK, "xtick.color": INK, "ytick.color": INK, "xtick.labelsize": SMALL, "ytick.labelsize": SMALL, "grid.color": PALE,
    "legend.frameon": False, "legend.fontsize": SMALL, "legend.title_fontsize": SMALL, "figure.titlesize": 10, "figure.titleweight": "bold",
    "figure.labelsize": 9, "savefig.facecolor": "white", "lines.linewidth": 1.6, "lines.markersize": 5, "svg.fonttype": "none", "pdf.fonttype": 42,
    "svg.hashsalt": "neuroperturb",
}  # fmt: skip


def styled(draw: Callable[P, T]) -> Callable[P, T]:
    """A function that draws, with the settings of every figure while it does."""

    @functools.wraps(draw)
    def call(*arguments: P.args, **options: P.kwargs) -> T:
        import matplotlib

        with matplotlib.rc_context(PAGE):
            return draw(*arguments, **options)

    return call


def literal(text: str) -> str:
    """Text as it is: a dollar in somebody's name starts no formula."""
    return str(text).replace("$", r"\$")


def folded(text: str, inches: float) -> str:
    """A title in lines that fit a figure of one plot, this wide."""
    return textwrap.fill(text, int(TITLE * inches), break_long_words=False, break_on_hyphens=False)


def title(figure: Figure, text: str) -> None:
    """The title line of a figure, at its left edge; nothing if it is empty."""
    if text:
        figure.suptitle(literal(text), x=0.01, ha="left")


def legend(figure: Figure, handles: Sequence, heading: str = "", narrow: bool = False) -> None:
    """The legend of a figure beside its panels, or below them where it is narrow."""
    longest = max((len(line) for one in handles for line in one.get_label().split("\n")), default=0)
    place = (
        {"loc": "outside lower left", "ncols": 2 if longest <= PAIRED else 1}
        if narrow
        else {"loc": "outside right upper"}
    )
    if handles:
        figure.legend(handles=handles, title=literal(heading) or None, alignment="left", **place)


def blank(width: float, height: float) -> Figure:
    """An empty figure of a size in inches; made without pyplot: no global state, no display needed. A notebook shows it all the same."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    setattr(figure, "_repr_png_", functools.partial(_png, figure))  # noqa: B010, since a Figure declares no such method
    return figure


def _png(figure: Figure) -> bytes:
    """What IPython asks of an object; of figures it knows by itself only how pyplot's are shown."""
    file = io.BytesIO()
    figure.savefig(file, format="png")
    return file.getvalue()


def tidy(ax: Axes, which: str) -> None:
    """A pale grid in the background (``"x"``, ``"y"`` or ``"both"``), and no frame."""
    ax.grid(axis=which, which="major", color=PALE, lw=0.8)
    ax.set_axisbelow(True)
    ax.spines[["top", "right"]].set_visible(False)


def spread(heights: Sequence[float], gap: float) -> list[float]:
    """Heights moved apart, in their order, so that neighbours are at least `gap` apart, inside [0, 1]."""
    order = np.argsort(heights, kind="stable")
    groups = [[height, 1] for height in np.asarray(heights, float)[order]]  # centre, how many
    k = 0
    while k < len(groups):
        centre, size = groups[k]
        room = gap * (size - 1) / 2
        groups[k][0] = centre = min(max(centre, room), 1 - room)
        if k and centre - groups[k - 1][0] < gap * (size + groups[k - 1][1]) / 2 - 1e-12:
            before, others = groups.pop(k - 1)
            groups[k - 1] = [(before * others + centre * size) / (others + size), others + size]
            k -= 1  # the larger group may reach the one before it
        else:
            k += 1
    result = np.empty(len(order))
    result[order] = [centre + gap * (i - (size - 1) / 2) for centre, size in groups for i in range(size)]
    return result.tolist()
