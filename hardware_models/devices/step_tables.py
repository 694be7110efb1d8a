"""From measured pulses to tables: mean and spread of the step of a cell, by its weight.

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
from hardware_models.devices.step_goodness import ROUNDING as ROUNDING
from hardware_models.devices.step_goodness import TINY, Goodness, judge, ramp_errors
from hardware_models.devices.step_goodness import ks_distance as ks_distance
from hardware_models.devices.step_model import Direction, PulseSteps, StepModel, at, expected, reach, usable
from hardware_models.numerics import random
from hardware_models.numerics.checks import ParameterError

PENALTIES = 10.0 ** -np.arange(-7.5, 8.5, 0.5)  # tried, in units of data a node: from a straight line to nearly none
QUANTILE = 0.01  # of a device's conductances lie beyond either end of its range
STUCK = 0.05  # a device with less than this part of the median range does not move
FIFTH = 5  # one pulse in FIFTH is held out of the fit for validation
SIGNIFICANT = 4  # standard errors
ROUNDS = 4  # of mean, gains and variance
REFINEMENTS = 3  # of where noisy reads were
SOLVABLE = 1e-13  # of all data, on every node, which may have none
LEAST = 1e-2  # of the mean variance is what the most precise pulses are credited with


class StepTables(NamedTuple):
    """Parameters of a measured cell; lengths relative to the range.

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


def common_range(data: PulseData) -> tuple[float, float]:
    """(low, high) of the range that devices have in common: the median over them of their 1 % and 99 % quantiles [conductance]."""
    low, high = np.median([_ends(data, d) for d in range(data.device.max() + 1)], axis=0)
    return float(low), float(high)


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
        goodness=judge(_fit(steps.some(~held_out), nodes), steps.some(held_out), int(moving.sum()), len(steps.moved))._replace(
            ramp=ramp_errors(model, steps)
        ),
    )  # fmt: skip


# ----------------------------------------------------------------------------------------------------------------------
# Ranges and rows


def _ends(data: PulseData, d: int) -> np.ndarray:
    """Lowest and highest conductance of a device but for a percent; values that occurred, not between them."""
    own = data.device == d
    values = np.concatenate([data.before[own], data.after[own]])
    return np.quantile(values, [QUANTILE, 1 - QUANTILE], method="inverted_cdf")


def _steps(data: PulseData, low: float, high: float, ends: np.ndarray, moving: np.ndarray) -> PulseSteps:
    order = np.argsort(data.device, kind="stable")
    order = order[moving[data.device[order]]]
    before, after, up, device = (part[order] for part in data[:4])
    sign = np.where(up, 1.0, -1.0)
    return PulseSteps((before - low) / (high - low), sign * (after - before) / (high - low), sign, device, *ends.T)


def _held_out(steps: PulseSteps) -> np.ndarray:
    """A fifth of the pulses of each direction, at random: every fifth might always be from the same place of a ramp.

    Not those that start furthest out: tables do not say what they do beyond where they were measured.
    """
    rows, xi = np.zeros(len(steps.sign), bool), random.normal(0, random.Stream.DATA, 0, len(steps.sign), np.float64)
    for way in (steps.sign > 0, steps.sign < 0):
        places = steps.before[way]
        inner = way & (steps.before > places.min()) & (steps.before < places.max())
        these = np.flatnonzero(inner if inner.sum() >= FIFTH else way)
        rows[these[np.argsort(xi[these])[: len(these) // FIFTH]]] = True
    return rows


# ----------------------------------------------------------------------------------------------------------------------
# The model


def _fit(steps: PulseSteps, nodes: int) -> StepModel:
    """A fit estimates the noise of the reads and how far pulses reach, hence where they were and which may end at a bound."""
    model = _fit_at(steps, nodes, 0.0, 0.0, 0.0)
    for _ in range(REFINEMENTS):
        model = _fit_at(steps, nodes, *_read_noise(model, steps), reach(model, steps))
        if model.read_variance == 0:
            break
    return model


def _fit_at(steps: PulseSteps, nodes: int, noise: float, share: float, reach) -> StepModel:
    t = steps.places(share)
    inside = steps.inside(t, reach)
    directions = (
        _fit_direction(t[rows], steps.moved[rows], steps.device[rows], len(steps.low), nodes, noise)
        for rows in (inside & (steps.sign > 0), inside & (steps.sign < 0))
    )
    return StepModel(*directions, noise, share)


def _fit_direction(t, moved, device, devices: int, nodes: int, noise: float) -> Direction:
    """Mean, gains and variance in turn; from the second round on, pulses count by their precision."""
    root, gain, known = np.ones_like(t), np.ones(devices), np.bincount(device, minlength=devices) > 0
    for _ in range(ROUNDS):
        mean, used = _smooth(t, moved, gain[device], root, nodes)
        mean = np.maximum(mean, 0)
        mu = at(mean, t)
        gain = _slopes(mu * root, moved * root, device, devices)
        scale = max(
            gain[known].mean(), LEAST
        )  # over devices, each counting once: slow ones need more pulses for the same way
        mean, mu, gain = mean * scale, mu * scale, gain / scale
        e, spent = moved - gain[device] * mu, used + known.sum() - 1
        power, square = gain[device] ** 2, e * e / max(1 - spent / len(e), 0.1) - 2 * noise
        variance, _ = _smooth(t, square, power, root**2, nodes)  # a variance estimated is as uncertain as it is large
        variance = np.maximum(variance, 0)
        of_pulse = power * at(variance, t) + 2 * noise
        root = 1 / np.sqrt(np.maximum(of_pulse, LEAST * of_pulse.mean() + TINY))
        root /= root.mean()
    precision = np.bincount(device, mu**2 / np.maximum(of_pulse, TINY), minlength=devices)
    return Direction(mean, variance, gain, 1 / np.maximum(precision, TINY))


def _slopes(x, y, device, devices: int) -> np.ndarray:
    """Slope of y on x through the origin for each device; 1, as for the mean device, where nothing is known."""
    power, along = (np.bincount(device, values, minlength=devices) for values in (x * x, x * y))
    return np.where(power > 0, along / np.maximum(power, TINY), 1.0)


def _read_noise(model: StepModel, steps: PulseSteps) -> tuple[float, float]:
    """Variance of η, and c: from the residuals of pulses whose first read is the last read of the pulse before."""
    e = steps.sign * (steps.moved - expected(model, steps))
    inside, after = usable(model, steps), steps.before + steps.sign * steps.moved
    chained = (steps.device[1:] == steps.device[:-1]) & np.isclose(steps.before[1:], after[:-1], rtol=0, atol=1e-12)
    product = (e[1:] * e[:-1])[chained & inside[1:] & inside[:-1]]
    if len(product) < 2:
        return 0.0, 0.0
    noise, error = -product.mean(), product.std(ddof=1) / np.sqrt(len(product))
    if noise <= SIGNIFICANT * error:
        return 0.0, 0.0
    return float(noise), float(min(noise / e[inside].var(), 0.5))


def _between_devices(model: StepModel) -> tuple[float, float]:
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
        try:
            hat = np.linalg.solve(G + weight * penalty, np.column_stack([h, G]))
        except np.linalg.LinAlgError:  # the data do not determine a straight line
            continue
        c, used = hat[:, 0], float(np.trace(hat[:, 1:]))
        left_over = max(total - 2 * c @ h + c @ G @ c, 1e-15 * total)  # below that it is rounding
        score = left_over / max(count - used, 1) ** 2
        if best[0] == np.inf or (score < best[0] and used <= count / 2):
            best = score, c, used
    return _hold(best[1], np.unique(k)), best[2]


def _hold(c, covered) -> np.ndarray:
    """No extrapolation: constant beyond the nodes around the data."""
    c, first, last = c.copy(), covered[0], covered[-1] + 1
    c[:first], c[last + 1 :] = c[first], c[last]
    return c
