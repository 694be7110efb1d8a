"""From measured pulses to tables: how far a pulse moves a cell, and how surely, by where the cell is.

    Δ_k = G_d (μ(t_k) + σ(t_k) ξ_k) + η_{k+1} − η_k        pulse k of device d, one direction; t from 0 to 1 over the range

μ, σ²   linear between evenly spaced nodes, least squares with penalised second differences, whose weight is chosen by
        generalised cross-validation; held constant beyond the conductances that were visited, never below 0
G_d     slope of the steps of device d on μ; the variance between devices is that of the G_d less what the noise of their
        pulses explains (moments)
η       noise of a read, drawn anew with every pulse: its variance is minus the covariance
        of successive residuals, where `before` of a pulse is `after` of the one before it. 0 if within 4 standard errors
t_k     where the noise of the pulse does not push it: (before + c Δ), c = var η / (2 var η + var σξ). With noise of the
        reads alone that is the middle of the step; without, it is `before`. Taking `before` where reads are noisy would
        suggest a restoring force that is not there

The range is the median over devices of their 1 % and 99 % quantiles of conductance, or as given. P. H. C. Eilers & B. D. Marx,
"Flexible smoothing with B-splines and penalties", Stat. Sci. 11, 89 (1996), doi:10.1214/ss/1038425655 (§3–4: penalty, choice).
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from hardware_models.devices.pulse_data import PulseData, PulseDataError
from hardware_models.numerics import random
from hardware_models.numerics.checks import ParameterError

PENALTIES = 10.0 ** -np.arange(-7.5, 8.5, 0.5)  # tried, in units of data a node: from a straight line to nearly none
QUANTILE = 0.01  # of a device's conductances lie beyond either end of its range
STUCK = 0.05  # a device with less than this part of the median range does not move
FIFTH = 5  # one pulse in so many is kept out of the fit that is judged
REPEATS = 8  # simulated steps for each measured one
SIGNIFICANT = 4  # standard errors
FEW = 5  # pulses in a direction are too few for tables
ROUNDS = 4  # of mean, gains and variance
REFINEMENTS = 3  # of where noisy reads were
FARTHEST = 0.1  # from a bound, in parts of the range, that pulses are left out for what it does to them
SOLVABLE = 1e-13  # of all data, on every node, which may have none
ROUNDING = 1e-6  # of a step is no difference
LEAST = 1e-2  # of the mean variance is what the most precise pulses are credited with
TINY = 1e-30  # of the squares of parts of the range: nothing, and yet no 0 to divide by


class Goodness(NamedTuple):
    """How well the model says what a fifth of the pulses did that it was not made from; pairs are (up, down).

    r2 : part of the variance of single steps that place and device explain. Low where pulses are noisy, however good the model
    variance_ratio : variance of what is left over the one predicted; 1 where the spread is right
    ks : Kolmogorov–Smirnov distance of measured steps from as many times 8 simulated ones at the same places and devices;
        sampling alone gives up to 1.4 / √pulses in 19 of 20 cases
    """

    r2: tuple[float, float]
    variance_ratio: tuple[float, float]
    ks: tuple[float, float]
    devices: int
    pulses: int

    def __str__(self) -> str:
        two = lambda name, pair: f"{name} {pair[0]:.3g} up, {pair[1]:.3g} down"  # noqa: E731
        return "; ".join([two("R²", self.r2), two("variance ratio", self.variance_ratio), two("KS distance", self.ks)])


class StepTables(NamedTuple):
    """What a measured cell is made of; lengths in parts of the range.

    mean_up, mean_down, spread_up, spread_down : (nodes,) size of a step, and its standard deviation between pulses
    gain_dtod, asymmetry_dtod : standard deviation between devices of (G_up + G_down) / 2 and (G_up − G_down) / 2
    read_std : standard deviation of η
    low_dtod, high_dtod : standard deviation between devices of the ends of the range
    stuck : share of the devices that do not move, and (stuck,) where, 0 … 1
    limits : (low, high) of the range [conductance];  goodness : of the same fit to four fifths of the pulses
    """

    mean_up: np.ndarray
    mean_down: np.ndarray
    spread_up: np.ndarray
    spread_down: np.ndarray
    gain_dtod: float
    asymmetry_dtod: float
    read_std: float
    low_dtod: float
    high_dtod: float
    stuck: tuple[float, np.ndarray]
    limits: tuple[float, float]
    goodness: Goodness | None


class _Direction(NamedTuple):
    """One direction: μ and σ² at the nodes; G and its sampling variance, (devices,), infinite where nothing is known."""

    mean: np.ndarray
    variance: np.ndarray
    gain: np.ndarray
    gain_variance: np.ndarray


class _Model(NamedTuple):
    up: _Direction
    down: _Direction
    read_variance: float
    share: float  # c


class _Steps(NamedTuple):
    """Pulses, device by device, over the common range: `before` from 0 to 1, `moved` positive in the direction of the pulse."""

    before: np.ndarray
    moved: np.ndarray
    sign: np.ndarray
    device: np.ndarray
    low: np.ndarray  # (devices,) range of each, in parts of the common one
    high: np.ndarray

    def places(self, c: float) -> np.ndarray:
        """t of every pulse, in the range of its device."""
        low, high = self.low[self.device], self.high[self.device]
        return (self.before + c * self.sign * self.moved - low) / (high - low)

    def inside(self, t: np.ndarray, reach: np.ndarray | float = 0.0) -> np.ndarray:
        """Pulses that start in the range, further than they reach from the end they push against: a step may end there.

        Of a direction in which those are few, or start from one place, all in the range; or else all there are.
        """
        room, chosen = np.where(self.sign > 0, 1 - t, t), np.zeros(len(t), bool)
        within = (room > 0) & (room <= 1)
        for way in (self.sign > 0, self.sign < 0):
            candidates = (way & within & (room > reach), way & within, way)
            chosen |= next((rows for rows in candidates if rows.sum() >= FEW and len(np.unique(t[rows])) > 1), way)
        return chosen

    def some(self, rows: np.ndarray) -> _Steps:
        return _Steps(*(part[rows] for part in self[:4]), self.low, self.high)


def fit(
    data: PulseData, *, nodes: int = 33, limits: tuple[float, float] | None = None, own_bounds: bool = False
) -> StepTables:
    """Tables of the steps of measured pulses.

    Parameters
    ----------
    data : at least 10 pulses in each direction
    nodes : of each table, 2 or more
    limits : (low, high) of the range [conductance]; None: from the data
    own_bounds : the range of each device ends where its own pulses do (they were sent until nothing moved), or all
        devices share one range
    """
    if nodes < 2:
        raise ParameterError("nodes", "fit", "2 or more", nodes)
    if limits is not None and not (np.isfinite(limits).all() and limits[0] < limits[1]):
        raise ParameterError("limits", "fit", "(low, high), finite and low < high", limits)
    data = data.checked()
    ends = np.array([_ends(data, d) for d in range(data.device.max() + 1)])
    low, high = np.median(ends, axis=0) if limits is None else limits
    if not low < high:
        raise PulseDataError(f"{data.title} must move most devices. Got a median range of 0 instead.")
    ends = (ends - low) / (high - low)
    moving = np.ptp(ends, axis=1) >= STUCK
    steps = _steps(data, low, high, ends if own_bounds else np.broadcast_to([0.0, 1.0], ends.shape), moving)
    for sign, what in ((1, "up"), (-1, "down")):
        if len(np.unique(steps.before[steps.sign == sign])) < 2:
            raise PulseDataError(f"{data.title}, {what}, must start from two or more conductances.")
    model, held_out = _fit(steps, nodes), _held_out(steps)
    of_ends = ends[moving].std(axis=0, ddof=1) if own_bounds and moving.sum() > 1 else np.zeros(2)
    gain_dtod, asymmetry_dtod = _between_devices(model)
    return StepTables(
        mean_up=model.up.mean, mean_down=model.down.mean, spread_up=np.sqrt(model.up.variance),
        spread_down=np.sqrt(model.down.variance), gain_dtod=gain_dtod, asymmetry_dtod=asymmetry_dtod,
        read_std=float(np.sqrt(model.read_variance)), low_dtod=float(of_ends[0]), high_dtod=float(of_ends[1]),
        stuck=(float(1 - moving.mean()), ends[~moving].mean(axis=1)), limits=(float(low), float(high)),
        goodness=_judge(_fit(steps.some(~held_out), nodes), steps.some(held_out), int(moving.sum()), len(steps.moved)),
    )  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------------
# Ranges and rows


def _ends(data: PulseData, d: int) -> np.ndarray:
    """Lowest and highest conductance of a device but for a percent; values that occurred, not between them."""
    own = data.device == d
    values = np.concatenate([data.before[own], data.after[own]])
    return np.quantile(values, [QUANTILE, 1 - QUANTILE], method="inverted_cdf")


def _steps(data: PulseData, low: float, high: float, ends: np.ndarray, moving: np.ndarray) -> _Steps:
    order = np.argsort(data.device, kind="stable")
    order = order[moving[data.device[order]]]
    before, after, up, device = (part[order] for part in data[:4])
    sign = np.where(up, 1.0, -1.0)
    return _Steps((before - low) / (high - low), sign * (after - before) / (high - low), sign, device, *ends.T)


def _held_out(steps: _Steps) -> np.ndarray:
    """A fifth of the pulses of each direction, at random: every fifth might always be from the same place of a ramp."""
    rows, xi = np.zeros(len(steps.sign), bool), random.normal(0, random.Stream.DATA, 0, len(steps.sign), np.float64)
    for way in (steps.sign > 0, steps.sign < 0):
        these = np.flatnonzero(way)
        rows[these[np.argsort(xi[these])[: len(these) // FIFTH]]] = True
    return rows


# ----------------------------------------------------------------------------------------------------------------------
# The model


def _fit(steps: _Steps, nodes: int) -> _Model:
    """A fit estimates the noise of the reads and how far pulses reach, hence where they were and which may end at a bound."""
    model = _fit_at(steps, nodes, 0.0, 0.0, 0.0)
    for _ in range(REFINEMENTS):
        model = _fit_at(steps, nodes, *_read_noise(model, steps), _reach(model, steps))
        if model.read_variance == 0:
            break
    return model


def _fit_at(steps: _Steps, nodes: int, noise: float, share: float, reach) -> _Model:
    t = steps.places(share)
    inside = steps.inside(t, reach)
    directions = (
        _fit_direction(t[rows], steps.moved[rows], steps.device[rows], len(steps.low), nodes, noise)
        for rows in (inside & (steps.sign > 0), inside & (steps.sign < 0))
    )
    return _Model(*directions, noise, share)


def _fit_direction(t, moved, device, devices: int, nodes: int, noise: float) -> _Direction:
    """Mean, gains and variance in turn; from the second round on, pulses count by their precision."""
    root, gain, known = np.ones_like(t), np.ones(devices), np.bincount(device, minlength=devices) > 0
    for _ in range(ROUNDS):
        mean, used = _smooth(t, moved, gain[device], root, nodes)
        mean = np.maximum(mean, 0)
        mu = _at(mean, t)
        gain = _slopes(mu * root, moved * root, device, devices)
        scale = max(
            gain[known].mean(), LEAST
        )  # over devices, each counting once: slow ones need more pulses for the same way
        mean, mu, gain = mean * scale, mu * scale, gain / scale
        e, spent = moved - gain[device] * mu, used + known.sum() - 1
        power, square = gain[device] ** 2, e * e / max(1 - spent / len(e), 0.1) - 2 * noise
        variance, _ = _smooth(t, square, power, root**2, nodes)  # a variance estimated is as uncertain as it is large
        variance = np.maximum(variance, 0)
        of_pulse = power * _at(variance, t) + 2 * noise
        root = 1 / np.sqrt(np.maximum(of_pulse, LEAST * of_pulse.mean() + TINY))
        root /= root.mean()
    precision = np.bincount(device, mu**2 / np.maximum(of_pulse, TINY), minlength=devices)
    return _Direction(mean, variance, gain, 1 / np.maximum(precision, TINY))


def _slopes(x, y, device, devices: int) -> np.ndarray:
    """Slope of y on x through the origin for each device; 1, as for the mean device, where nothing is known."""
    power, along = (np.bincount(device, values, minlength=devices) for values in (x * x, x * y))
    return np.where(power > 0, along / np.maximum(power, TINY), 1.0)


def _read_noise(model: _Model, steps: _Steps) -> tuple[float, float]:
    """Variance of η, and c: from the residuals of pulses whose first read is the last read of the pulse before."""
    e = steps.sign * (steps.moved - _expected(model, steps))
    inside, after = _usable(model, steps), steps.before + steps.sign * steps.moved
    chained = (steps.device[1:] == steps.device[:-1]) & np.isclose(steps.before[1:], after[:-1], rtol=0, atol=1e-12)
    product = (e[1:] * e[:-1])[chained & inside[1:] & inside[:-1]]
    if len(product) < 2:
        return 0.0, 0.0
    noise, error = -product.mean(), product.std(ddof=1) / np.sqrt(len(product))
    if noise <= SIGNIFICANT * error:
        return 0.0, 0.0
    return float(noise), float(min(noise / e[inside].var(), 0.5))


def _between_devices(model: _Model) -> tuple[float, float]:
    """Standard deviations between devices of the common and the opposite part of their two gains."""
    up, down = model.up, model.down
    known = np.maximum(up.gain_variance, down.gain_variance) < 1
    if known.sum() < 2:
        return 0.0, 0.0
    by_noise = np.mean(up.gain_variance[known] + down.gain_variance[known]) / 4
    parts = ((up.gain + down.gain)[known] / 2, (up.gain - down.gain)[known] / 2)
    common, opposite = (float(np.sqrt(max(part.var(ddof=1) - by_noise, 0))) for part in parts)
    return common, opposite


def _smooth(t, y, multiplier, root, nodes: int) -> tuple[np.ndarray, float]:
    """Heights c of the polygon P with y ≈ multiplier · P(t), rows weighted by root², and the parameters it spends."""
    x, y, multiplier = np.clip(t, 0, 1) * (nodes - 1), y * root, multiplier * root
    if np.ptp(x) == 0 or not multiplier.any():
        return np.full(nodes, (multiplier @ y) / max(multiplier @ multiplier, TINY)), 1.0
    k = np.minimum(x.astype(int), nodes - 2)
    left, right = multiplier * (1 - (x - k)), multiplier * (x - k)
    add = lambda low, high: np.bincount(k, low, minlength=nodes) + np.bincount(k + 1, high, minlength=nodes)  # noqa: E731
    mixed = np.bincount(k, left * right, minlength=nodes)[: nodes - 1]
    G = np.diag(add(left * left, right * right)) + np.diag(mixed, 1) + np.diag(mixed, -1)
    G += np.eye(nodes) * (np.trace(G) * SOLVABLE)
    h = add(left * y, right * y)
    D = np.diff(np.eye(nodes), 2, axis=0)
    penalty, total, count = D.T @ D * (np.trace(G) / nodes), float(y @ y), len(y)
    best = np.inf, h, 0.0
    for weight in PENALTIES:
        hat = np.linalg.solve(G + weight * penalty, np.column_stack([h, G]))
        c, used = hat[:, 0], float(np.trace(hat[:, 1:]))
        left_over = max(total - 2 * c @ h + c @ G @ c, 1e-15 * total)  # below that it is rounding
        score = left_over / max(count - used, 1) ** 2
        if weight == PENALTIES[0] or (score < best[0] and used <= count / 2):
            best = score, c, used
    return _hold(best[1], np.unique(k)), best[2]


def _hold(c, covered) -> np.ndarray:
    """No extrapolation: constant beyond the nodes around the data."""
    c, first, last = c.copy(), covered[0], covered[-1] + 1
    c[:first], c[last + 1 :] = c[first], c[last]
    return c


def _at(heights, t) -> np.ndarray:
    return np.interp(t, np.linspace(0, 1, len(heights)), heights)


# ----------------------------------------------------------------------------------------------------------------------
# How good it is


def _expected(model: _Model, steps: _Steps) -> np.ndarray:
    """G μ(t) of every pulse."""
    t = steps.places(model.share)
    return np.where(steps.sign > 0, *(d.gain[steps.device] * _at(d.mean, t) for d in (model.up, model.down)))


def _spread(model: _Model, steps: _Steps) -> np.ndarray:
    """G σ(t) of every pulse."""
    t = steps.places(model.share)
    own = (d.gain[steps.device] * np.sqrt(_at(d.variance, t)) for d in (model.up, model.down))
    return np.where(steps.sign > 0, *own)


def _reach(model: _Model, steps: _Steps) -> np.ndarray:
    """How far a pulse may well go, but no more than a tenth of the range: where few states are, some must do."""
    return np.minimum(_expected(model, steps) + 2 * _spread(model, steps), FARTHEST)


def _usable(model: _Model, steps: _Steps) -> np.ndarray:
    return steps.inside(steps.places(model.share), _reach(model, steps))


def _simulated(model: _Model, steps: _Steps, m, spread) -> np.ndarray:
    """Steps (8, pulses) of the model at the same places: clipped as an array clips them, then read."""
    t = steps.places(model.share)
    room = np.where(steps.sign > 0, 1 - t, t)
    xi, eta = (random.normal(0, random.Stream.CYCLE, k, (REPEATS, len(m)), np.float64) for k in range(2))
    return np.minimum(m + spread * xi, room) + np.sqrt(2 * model.read_variance) * eta


def _judge(model: _Model, steps: _Steps, devices: int, pulses: int) -> Goodness:
    steps = steps.some(_usable(model, steps))
    y, m, spread = steps.moved, _expected(model, steps), _spread(model, steps)
    simulated, v = _simulated(model, steps, m, spread), spread**2 + 2 * model.read_variance
    r2, ratio, ks = [], [], []
    for rows in (steps.sign > 0, steps.sign < 0):
        left_over = np.sum((y - m)[rows] ** 2)
        total = np.sum((y[rows] - y[rows].mean()) ** 2)
        rounding = ROUNDING**2 * np.sum(y[rows] ** 2) + TINY
        r2.append(float(1 - left_over / max(total, rounding)))
        ratio.append(float(left_over / max(v[rows].sum(), rounding)))
        unit = ROUNDING * np.sqrt(np.mean(y[rows] ** 2)) + TINY  # equal steps differ by rounding
        ks.append(ks_distance(np.round(y[rows] / unit), np.round(simulated[:, rows].ravel() / unit)))
    return Goodness(tuple(r2), tuple(ratio), tuple(ks), devices, pulses)


def ks_distance(one: np.ndarray, other: np.ndarray) -> float:
    """Largest difference of the distribution functions of two samples, 0 … 1."""
    at = np.concatenate([one, other])
    parts = (np.searchsorted(np.sort(sample), at, side="right") / len(sample) for sample in (one, other))
    return float(np.max(np.abs(np.subtract(*parts))))
