r"""The ledger of an array: its operations, cell by cell, and their costs.

    pulses up, down of every cell · updates written · sweeps and columns read · conversions      counted, exactly
    energy = Σ count · figure         time = Σ count · figure         wear = pulses / endurance    low, typical, high

Figures and their sources are in :mod:`hardware_models.costs.figures`; without them operations are only counted. Counters start
with the array and are part of its state. A read of several columns counts each; a transposed read counts separately; a
batch of rank-one updates that is written together is one update. Pulses of programming and refresh count like any others.

Times are busy times: operations of one array are sequential, and times of several arrays are summed as if they were, too; parallel
arrays take the longest of their times. Every ledger lists what is not modelled (`NOT_MODELLED`).

    total variation  V_ij = scale · Σ_k |gain_k| Σ_t |Δw_k|        net displacement  N_ij = scale · |Σ_k gain_k Σ_t Δw_k| ≤ V_ij

are recorded by arrays made with ``track=True`` (:mod:`hardware_models.crossbar.travel`), for updates and pulses only, without
programming and ageing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from hardware_models.costs.figures import sram
from hardware_models.costs.html_table import html_table
from hardware_models.costs.model import Bracket, Costs, Done
from hardware_models.costs.units import counted
from hardware_models.crossbar.contract import Site
from hardware_models.numerics.checks import ParameterError

NOT_MODELLED = "drivers, decoders, routing, control, leakage, exact programming, reads while programming, computing updates from activity"
QUANTILES = (0.5, 0.9, 0.99)


class Pulses(NamedTuple):
    """Pulses of every synapse, in the layout of W: (d, n, m), from j to i, for d devices per weight."""

    up: np.ndarray
    down: np.ndarray


class Travel(NamedTuple):
    """Total variation and net displacement of every weight, (n, m), weight units."""

    total: np.ndarray
    net: np.ndarray


@dataclass(frozen=True)
class Worn:
    """Fraction of their endurance that cells have used.

    most : of the most-pulsed cell;  total : summed over the cells;  cells : their number
    """

    most: Bracket
    total: Bracket
    cells: int

    @classmethod
    def of(cls, done: Done, endurance: Bracket) -> Worn:
        """Pulses of either sign over the endurance."""
        return cls(_over(done.busiest_cell, endurance), _over(done.pulses, endurance), done.cells)

    @property
    def mean(self) -> Bracket:
        """Of the mean cell."""
        return self.total * (1 / max(self.cells, 1))

    def __add__(self, other: Worn) -> Worn:
        a, b = self.most, other.most
        ends = (max(a.low, b.low), max(a.typical, b.typical), max(a.high, b.high))
        return Worn(Bracket(*ends, a.unit, (a + b).source), self.total + other.total, self.cells + other.cells)


@dataclass(frozen=True, kw_only=True, eq=False)
class Ledger:
    """Operations of one array, or of several together: ``a + b``, ``sum(ledgers)``.

    Attributes
    ----------
    counts : dict of int, see the keys
    histogram : (values, cells), number of cells by number of pulses of either sign
    energy : J, by ``write``, ``read``, ``row reads``, ``conversion``, ``accumulator``;  time : s, by ``write``, ``read``, ``row reads``,
        ``conversion``
    wear : fraction of their endurance that cells have used, of those with an estimate; None if none has
    travel : dict of float, sums over synapses [weight units]: ``total``, ``net``, ``synapses``; empty without ``track=True``
    technologies : names of the technologies with costs
    unpriced : operations without an estimate;  schedules : parallelism assumed by the times
    """

    counts: dict[str, int]
    histogram: tuple[np.ndarray, np.ndarray]
    energy: dict[str, Bracket] = field(default_factory=dict)
    time: dict[str, Bracket] = field(default_factory=dict)
    wear: Worn | None = None
    travel: dict[str, float] = field(default_factory=dict)
    technologies: tuple[str, ...] = ()
    unpriced: tuple[str, ...] = ()
    schedules: tuple[str, ...] = ()

    # together

    def __add__(self, other: Ledger) -> Ledger:
        """Sum of two ledgers: counts, energies and times add; the most-pulsed cell is the maximum of both."""
        if not isinstance(other, Ledger):
            return NotImplemented
        return Ledger(
            counts=_added(self.counts, other.counts), histogram=_merged(self.histogram, other.histogram),
            energy=_added(self.energy, other.energy), time=_added(self.time, other.time),
            wear=self.wear + other.wear if self.wear and other.wear else self.wear or other.wear,
            travel=_added(self.travel, other.travel), technologies=_union(self.technologies, other.technologies),
            unpriced=_union(self.unpriced, other.unpriced), schedules=_union(self.schedules, other.schedules),
        )  # fmt: skip

    def __radd__(self, other) -> Ledger:
        return self if other == 0 else NotImplemented

    # figures

    @property
    def pulses_mean(self) -> float:
        """Mean pulses per cell, of either sign."""
        values, cells = self.histogram
        return float(values @ cells / max(cells.sum(), 1))

    @property
    def pulses_most(self) -> int:
        """Pulses of the most-pulsed cell."""
        return int(self.histogram[0].max(initial=0))

    def quantile(self, share: float) -> int:
        """Quantile of the pulses per cell: the smallest number that this share of the cells did not exceed."""
        values, cells = self.histogram
        return int(values[np.searchsorted(np.cumsum(cells), share * cells.sum())])

    @property
    def total_energy(self) -> Bracket | None:
        """Energy of all operations with an estimate [J]."""
        return _total(self.energy)

    @property
    def total_time(self) -> Bracket | None:
        """Time of all operations with an estimate, one after another [s]."""
        return _total(self.time)

    def as_dict(self) -> dict:
        """The ledger as plain values, for a record."""
        pulses = {"mean": self.pulses_mean, "most": self.pulses_most, "none": self._share_of_zero()}
        pulses |= {f"{100 * q:g} %": self.quantile(q) for q in QUANTILES}
        return {
            "technologies": list(self.technologies), "counts": dict(self.counts), "pulses_per_cell": pulses,
            "energy": {name: _plain(b) for name, b in self.energy.items()},
            "time": {name: _plain(b) for name, b in self.time.items()},
            "endurance_used": {name: _plain(part) for name, part in self._wear().items()},
            "travel": dict(self.travel), "unpriced": list(self.unpriced),
            "schedules": list(self.schedules), "not_modelled": NOT_MODELLED,
        }  # fmt: skip

    def _share_of_zero(self) -> float:
        values, cells = self.histogram
        return float(cells[values == 0].sum() / max(cells.sum(), 1))

    # as text

    def rows(self) -> list[tuple[str, str]]:
        """(quantity, value) of every line of the table."""
        c = self.counts
        number = lambda key: f"{c[key]:,}".replace(",", " ")  # noqa: E731
        lines = [
            ("updates written", number("updates")),
            ("pulses up", number("pulses_up")),
            ("pulses down", number("pulses_down")),
            (
                "pulses per cell",
                f"mean {self.pulses_mean:.4g}, median {self.quantile(0.5)}, 99 % {self.quantile(0.99)}, max {self.pulses_most}",
            ),
            ("columns read", number("columns")),
        ]
        optional = {
            "back_columns": "transposed columns read", "rereads": "columns read again", "inputs": "DAC conversions",
            "outputs": "ADC conversions", "row_reads": "rows read while writing", "row_outputs": "ADC conversions of these rows",
            "accumulator_bits": "bits of digital accumulators",
            "clipped": "weights clipped in programming", "unreached": "cells not reached in programming",
        }  # fmt: skip
        lines += [(label, number(key)) for key, label in optional.items() if c.get(key)]
        if self.travel:
            total, net, synapses = (self.travel[key] for key in ("total", "net", "synapses"))
            lines.append(
                ("total variation per synapse", f"{total / synapses:.4g}, net displacement {net / synapses:.4g}")
            )
        for kind, parts, total in (("energy", self.energy, self.total_energy), ("time", self.time, self.total_time)):
            lines += [(f"{kind}, {name}", str(b)) for name, b in parts.items()]
            lines += [(f"{kind}, total", str(total))] if len(parts) > 1 else []
        lines += [("times assume", text) for text in self.schedules]
        lines += [(f"endurance used, {name} cell", _percent(part)) for name, part in self._wear().items()]
        lines += [("no estimate for", ", ".join(self.unpriced))] if self.unpriced else []
        return [*lines, ("not modelled", NOT_MODELLED)]

    def _wear(self) -> dict[str, Bracket]:
        return {"busiest": self.wear.most, "mean": self.wear.mean} if self.wear else {}

    @property
    def title(self) -> str:
        c = self.counts
        made_of = f", {', '.join(self.technologies)}" if self.technologies else ", counted without costs"
        of, synapses, cells = (counted(c[f"{noun}s"], noun) for noun in ("array", "synapse", "cell"))
        return f"Ledger of {of}: {synapses}, {cells}{made_of}"

    def __str__(self) -> str:
        rows = self.rows()
        width = max(len(label) for label, _ in rows)
        return "\n".join([self.title, *(f"  {label:<{width}}  {value}" for label, value in rows)])

    __repr__ = __str__

    def _repr_html_(self) -> str:
        return html_table(self.title, self.rows())


# ----------------------------------------------------------------------------------------------------------------------
# From an array


def ledger(site: Site, costs: Costs | None = None) -> Ledger:
    """Operations of an array so far.

    Parameters
    ----------
    site : an array
    costs : costs of its operations; None: those of the array, at the bits of its cells

    Raises
    ------
    ParameterError : if `costs` are not `Costs`
    """
    if costs is not None and not isinstance(costs, Costs):
        raise ParameterError("costs", "ledger", "Costs, such as hw.COSTS['pcm']", costs)
    costs = costs or _own_costs(site)
    count = _count(site)
    up, down = (int(counter.sum(dtype=np.int64)) for counter in count.pulses)
    counts = {
        "arrays": 1, "synapses": count.synapses, "cells": count.done.cells,
        "updates": count.done.updates, "programs": int(site.state.programs[0]), "pulses_up": up, "pulses_down": down,
        "sweeps": int(site.state.reads[0]), "columns": count.done.columns, "back_columns": count.done.back_columns,
        "rereads": count.rereads, "inputs": count.done.inputs, "outputs": count.done.outputs,
        "row_reads": count.done.row_reads, "row_outputs": count.done.row_outputs,
        "accumulator_bits": count.accumulator_bits, **site.shortfall._asdict(),
    }  # fmt: skip
    per_cell = count.per_cell if site.sites is None else count.per_cell[:, site.sites.present]
    values, cells = np.unique(per_cell, return_counts=True) if per_cell.size else (np.zeros(1, int), np.zeros(1, int))
    return Ledger(counts=counts, histogram=(values, cells), travel=_travel_sums(site), **_priced(count, costs))


def _own_costs(site: Site) -> Costs | None:
    """What an array was made with; static memory, and digital cells made with nothing, are priced at the bits that the cells have."""
    follow = site.costs is None or site.costs.bits > 0
    return sram(int(site.cell.bits)) if follow and site.cell.bits else site.costs


def pulse_counts(site: Site) -> Pulses:
    """Pulses up and down of every device of every synapse, (d, n, m) int64; 0 for cells without pulses, and where there is no cell."""
    shape = (len(site.state.gain), site.shape[1], site.shape[0])
    counters = (site.state.cells.up, site.state.cells.down)
    sent = [np.broadcast_to(c if c.size == 1 else c[:, :, : shape[2]], shape) for c in counters]
    there = 1 if site.sites is None else site.sites.present
    return Pulses(*(np.ascontiguousarray(c.transpose(0, 2, 1)).astype(np.int64) * there for c in sent))


def travel(site: Site) -> Travel:
    """Total variation and net displacement of every weight, (n, m); only of arrays made with ``track=True``."""
    if not site.tracks:
        raise ParameterError("track", "SynapseArray", "True to know how far weights went", False)
    s, n = site.state, site.shape[0]
    gain, scale = s.gain.astype(np.float64), float(s.scale[0])
    total = np.einsum("k,kji->ij", np.abs(gain), s.travel.total[:, :, :n])
    net = np.abs(np.einsum("k,kji->ij", gain, s.travel.net[:, :, :n]))
    return Travel(scale * total, scale * net)


class _Count(NamedTuple):
    """Basis of a ledger: the counters, and further counts of the parts of an array; word : bits of a number."""

    done: Done
    pulses: Pulses
    per_cell: np.ndarray
    pulsed: bool
    rereads: int
    accumulator_bits: int
    word: int
    synapses: int


def _count(site: Site) -> _Count:
    (n, m), s, readout, writing = site.shape, site.state, site.parts.readout, site.parts.writing
    synapses = n * m
    if site.sites is not None:  # lines without a cell are not driven, accessed or converted
        there = site.sites.present
        n, m, synapses = (int(some.sum()) for some in (there.any(axis=1), there.any(axis=0), there))
    sent = pulse_counts(site)
    per_cell = sent.up + sent.down
    dac, adc, rereads = readout.dac_bits, readout.adc_bits, readout.rereads(s)
    adcs = (adc > 0) * (len(per_cell) if site.weight.read_apart else 1)  # an output
    columns, back, rows = int(s.columns[0]) + rereads, int(s.back_reads[0]), writing.row_reads(s)
    done = Done(
        rows=m, cells=len(per_cell) * synapses, updates=int(s.writes[0]), pulses=int(per_cell.sum()), busiest_cell=int(per_cell.max(initial=0)),
        busiest_rows=int(per_cell.max(axis=(0, 1), initial=0).sum()), columns=columns, back_columns=back,
        inputs=(columns * m + back * n) * (dac > 0), outputs=(columns * n + back * m) * adcs,
        dac_bits=dac, adc_bits=adc,
        row_reads=rows, row_outputs=rows * n * (writing.row_read_bits > 0), row_read_bits=writing.row_read_bits,
        adc_enob=readout.adc_enob,
    )  # fmt: skip
    return _Count(
        done=done, pulses=sent, per_cell=per_cell, pulsed=site.cell.is_pulsed, rereads=rereads,
        accumulator_bits=writing.accumulator_bits(site.dtype) * synapses, word=8 * site.dtype.itemsize, synapses=synapses,
    )  # fmt: skip


def _priced(count: _Count, costs: Costs | None) -> dict:
    """The fields of a ledger that need estimates; missing ones are listed."""
    done = count.done
    if costs is None:
        return {"unpriced": ("energy", "time", "endurance")}
    energy, time = costs.energy(done), costs.time(done)
    if costs.writes_by_pulses and not count.pulsed:  # written by an unknown number of pulses
        energy["write"] = time["write"] = None
    missing = [f"energy of {name}" for name, b in energy.items() if b is None]
    missing += [f"time of {name}" for name, b in time.items() if b is None]
    endurance = costs.endurance if count.pulsed else None
    missing += ["endurance"] if endurance is None else []
    if done.row_reads:
        energy["row reads"], time["row reads"] = costs.row_reading(done), costs.row_reading_time(done)
    energy["conversion"], time["conversion"] = costs.conversion(done), costs.conversion_time(done)
    if count.accumulator_bits:
        bits = min(count.word, count.accumulator_bits // count.synapses)
        energy["accumulator"] = sram(bits).update_energy * float(done.updates * (count.accumulator_bits // bits))
    return {
        "energy": {name: b for name, b in energy.items() if b is not None},
        "time": {name: b for name, b in time.items() if b is not None},
        "wear": Worn.of(done, endurance) if endurance else None, "technologies": (costs.name,),
        "unpriced": tuple(missing), "schedules": (costs.schedule,) * any(b is not None for b in time.values()),
    }  # fmt: skip


def _over(count: float, endurance: Bracket) -> Bracket:
    """count / endurance"""
    return Bracket(count / endurance.high, count / endurance.typical, count / endurance.low, "", endurance.source)


def _travel_sums(site: Site) -> dict[str, float]:
    if not site.tracks:
        return {}
    total, net = travel(site)
    synapses = total.size if site.sites is None else site.sites.present.sum()
    return {"total": float(total.sum()), "net": float(net.sum()), "synapses": float(synapses)}


# ----------------------------------------------------------------------------------------------------------------------
# Sums of ledgers


def _added(a: dict, b: dict) -> dict:
    return {key: a[key] + b[key] if key in a and key in b else a.get(key, b.get(key)) for key in {**a, **b}}


def _merged(a, b) -> tuple[np.ndarray, np.ndarray]:
    values, places = np.unique(np.concatenate([a[0], b[0]]), return_inverse=True)
    cells = np.zeros(len(values), np.int64)
    np.add.at(cells, places.ravel(), np.concatenate([a[1], b[1]]))
    return values, cells


def _union(a: tuple[str, ...], b: tuple[str, ...]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(a + b))


def _total(parts: dict[str, Bracket]) -> Bracket | None:
    first, *rest = parts.values() or (None,)
    return sum(rest, first)


def _plain(bracket: Bracket) -> dict:
    names = ("low", "typical", "high", "unit", "source")
    return {name: getattr(bracket, name) for name in names}


def _percent(part: Bracket) -> str:
    return f"{100 * part.typical:.3g} % ({100 * part.low:.3g} … {100 * part.high:.3g} %)"
