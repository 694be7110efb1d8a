"""Delays of spikes between neurons: one time, one a neuron, or one a synapse.

    "2 ms"                                              of every spike
    ["0 ms", "2 ms", "5 ms"]                            of axons: neurons take them in turn
    [["0 ms", "2 ms"], ["5 ms", "0 ms"]]                of synapses, rows of neurons, columns of what they listen to, (n, n)
    {kind = "uniform", least = "1 ms", most = "10 ms"}  of synapses, drawn once: every whole step of dt from least to most is as likely

A drawn delay, too, may be one a neuron, `per` = "neuron". The seed of the draw is its own: runs of other seeds, and a record, have the same.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, PlainSerializer, PlainValidator, model_validator

from hardware_models.numerics import random
from neuroperturb.network.quantities import Dimension, Si, Time, parse, write
from neuroperturb.spec import Spec, SpecError, Words

NUMBER = 6  # of the INIT stream; lower ones draw weights, feedback and wiring


class UniformDelays(Spec):
    """Delays that are drawn once, uniform on the whole steps of dt in a range.

    least : shortest delay;  most : longest delay
    per : whether every synapse has its own, or every neuron, all of whose synapses get a spike together
    seed : of the draw of delays, apart from that of the run
    """

    kind: Literal["uniform"] = "uniform"
    least: Time = Si(0.001)
    most: Time = Si(0.01)
    per: Literal["synapse", "neuron"] = "synapse"
    seed: int = Field(default=0, ge=0, lt=2**63)

    @model_validator(mode="after")
    def _is_a_range(self):
        if self.least > self.most:
            raise SpecError(
                "least", "UniformDelays", f"at most 'most', {write(self.most, 'time')}", write(self.least, "time")
            )
        return self

    def drawn(self, dt: float, shape: tuple[int, ...]) -> np.ndarray:
        """Delays in steps of dt, int64."""
        low, high = round(self.least / dt), round(self.most / dt)
        u = random.uniform(self.seed, random.stream(random.Stream.INIT, NUMBER), 0, shape, np.float64)
        return np.minimum(low + np.floor(u * (high - low + 1)), high).astype(np.int64)


AnyDelay = float | tuple | UniformDelays


def read(value: Any) -> AnyDelay:
    """Delays from a time, a list, rows of lists, a table or an object."""
    if isinstance(value, UniformDelays):
        return value
    if isinstance(value, Mapping):
        if value.get("kind") != "uniform":
            raise SpecError.no_choice("kind", "LIF", value.get("kind"), ["uniform"])
        return UniformDelays.parse(dict(value))
    one = lambda each: each if isinstance(each, Si) else Si(parse(each, "time"))  # noqa: E731
    if not isinstance(value, list | tuple):
        return one(value)
    if not value or not isinstance(value[0], list | tuple):
        return tuple(map(one, value))
    rows = [row if isinstance(row, list | tuple) else () for row in value]
    if any(len(row) != len(value) for row in rows):
        raise SpecError(
            "", "LIF", "rows of as many times as there are rows", Words(f"{len(value)} rows of another length")
        )
    return tuple(tuple(map(one, row)) for row in rows)


def said(delay: AnyDelay) -> Any:
    """What :func:`read` reads back."""
    if isinstance(delay, UniformDelays):
        return delay.table()
    return [said(one) for one in delay] if isinstance(delay, tuple) else write(delay, "time")


Delays = Annotated[AnyDelay, Dimension("time"), PlainValidator(read), PlainSerializer(said, return_type=Any)]


def times(delay: AnyDelay) -> tuple[float, ...]:
    """All times that are named, in seconds: of a draw the ends of its range."""
    if isinstance(delay, UniformDelays):
        return delay.least, delay.most
    if not isinstance(delay, tuple):
        return (delay,)
    return tuple(time for one in delay for time in times(one))


def require_neurons(delay: AnyDelay, n: int) -> None:
    """Reject more delays than there are neurons, and rows of them that are not n."""
    named = len(delay) if isinstance(delay, tuple) else 1
    if isinstance(delay, tuple) and by_synapse(delay) and named != n:
        raise SpecError("spiking.delay", wanted=f"{n} rows of {n} times", got=Words(f"{named} rows"))
    if named > n:
        wanted = f"a list of at most {n}, one time for each neuron"
        raise SpecError("spiking.delay", wanted=wanted, got=Words(f"{named} of them"))


def by_synapse(delay: AnyDelay) -> bool:
    """Whether synapses of one neuron differ."""
    return (
        delay.per == "synapse"
        if isinstance(delay, UniformDelays)
        else isinstance(delay, tuple) and any(isinstance(row, tuple) for row in delay)
    )


def lags(delay: AnyDelay, dt: float, n: int) -> np.ndarray:
    """Delay of each of n neurons, (n,) int64 [dt]: where its synapses differ, their mean, rounded."""
    if by_synapse(delay):
        return np.floor(wires(delay, dt, n).mean(axis=0) + 0.5).astype(np.int64)
    if isinstance(delay, UniformDelays):
        return delay.drawn(dt, (n,))
    return np.resize(np.array([round(time / dt) for time in times(delay)], np.int64), n)


def wires(delay: AnyDelay, dt: float, n: int) -> np.ndarray:
    """Delay of every recurrent synapse, (n, n) int64 [dt], [i, j] from j to i."""
    if isinstance(delay, UniformDelays) and by_synapse(delay):
        return delay.drawn(dt, (n, n))
    if by_synapse(delay):
        return np.array([[round(time / dt) for time in row] for row in delay], np.int64)  # type: ignore[union-attr]
    return np.tile(lags(delay, dt, n), (n, 1))
