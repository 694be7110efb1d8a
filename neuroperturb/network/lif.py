"""Spiking neurons in place of rate units: leaky integrate-and-fire, with physical units, and their backend.

    spiking = "brian2"                  or  [spiking]  backend = "kernel"  tau_membrane = "20 ms"  v_threshold = "-50 mV"
                                            [spiking.backend]   kind = "brian2"  target = "cpp_standalone"
                                            [spiking.encoding]  kind = "poisson"  rate = "200 Hz"

The equations are in :mod:`neuroperturb.spiking.model`. Sizes and initial weights of the network are those of its `network` table; a
weight of 1 with an input of 1 is the rheobase: it keeps the membrane just at threshold.
"""

from __future__ import annotations

import math
from typing import Annotated, Any, Literal

import numpy as np
from pydantic import Field, model_serializer, model_validator

from neuroperturb.network import delays
from neuroperturb.network.delays import Delays
from neuroperturb.network.quantities import Rate, Si, Time, Voltage, write
from neuroperturb.spec import Spec, SpecError

APART = 1e-3  # smallest relative difference of two time constants: their exact solution divides by it
LONGEST_DELAY = 10_000  # steps of dt: every neuron has room for that many spikes under way


class Encoding(Spec):
    """Encoding of an input value."""

    def require_fit(self, dt: float) -> None:
        """Reject an encoding that does not fit a time step of `dt`."""


class Current(Encoding):
    """Inputs are currents: the value of a channel, constant over a time step of the task."""

    kind: Literal["current"] = "current"


class Poisson(Encoding):
    """Inputs are Poisson spikes, at a rate proportional to the magnitude of the channel; a channel has two lines, for + and −.

    The mean of the filtered spikes of a value u is u.

    rate : of a channel at 1, positive and at most 1/dt; for a channel above 1/(rate · dt) the probability of a spike in one `dt`
        saturates at 1
    """

    kind: Literal["poisson"] = "poisson"
    rate: Rate = Si(200.0)

    @model_validator(mode="after")
    def _fires(self):
        if not 0 < self.rate < math.inf:
            raise SpecError("rate", "Poisson", "positive", self.table()["rate"])
        return self

    def require_fit(self, dt: float) -> None:
        """A line spikes at most once per `dt`: a channel at 1 must not need more."""
        if self.rate * dt > 1 + 1e-9:
            most = write(1 / dt, "rate")
            raise SpecError(
                "encoding.rate",
                "LIF",
                f"at most {most}, a spike every 'dt' of {write(dt, 'time')}",
                self.table()["rate"],
            )


class Latency(Encoding):
    """Time-to-first-spike coding: one spike per step, earlier for larger magnitudes, on the line of its sign; none at 0.

    The charge of a spike is that of a current of 1 over the step.
    """

    kind: Literal["latency"] = "latency"


class Kernel(Spec):
    """The compiled kernel of :mod:`neuroperturb.spiking.kernel`: fast, and on any array of synapses."""

    kind: Literal["kernel"] = "kernel"


class Brian2(Spec):
    """Brian2 (extra ``brian2``): the same equations, for comparison and extension.

    target : its code-generation target: ``"numpy"``; ``"cython"``, compiled piece by piece;  ``"cpp_standalone"``, one compiled program
        that is run again for every sequence
    """

    kind: Literal["brian2"] = "brian2"
    target: Literal["numpy", "cython", "cpp_standalone"] = "cython"


KIND = Field(discriminator="kind")
BACKENDS = {"kernel": Kernel, "brian2": Brian2}


class LIF(Spec):
    """Leaky integrate-and-fire neurons with exponential synapses and a leaky readout of filtered spikes.

    Parameters
    ----------
    tau_membrane : time constant of the membrane; must differ from `tau_synapse`
    tau_synapse : time constant of the synaptic current
    tau_readout : time constant of the filter that reads spikes
    refractory : time after a spike in which the membrane stays at `v_reset`; whole steps of `dt`
    v_rest : voltage of the membrane without input
    v_threshold : voltage at which a neuron spikes
    v_reset : voltage after a spike, below `v_threshold`
    background : constant input, as its steady-state voltage above rest
    v_input : steady-state voltage of an input of 1 with a weight of 1
    rate : firing rate that corresponds to an activity of 1: at this rate, filtered spikes have a mean of 1 for any filter
    dt : time step of the integration
    step : duration of one time step of the task; whole steps of `dt`
    adaptation : rise of the threshold with every spike of the neuron, which then decays; 0: the threshold is constant
    tau_adaptation : time constant with which a risen threshold decays
    delay : time from a spike to its arrival at the recurrent synapses, whole steps of `dt`; a list, which neurons take in turn, is that of
        their axons; rows of lists, or a draw, that of every synapse, see :mod:`neuroperturb.network.delays`
    encoding : how the task's inputs reach the neurons: as currents or as spikes
    backend : simulator of the neurons: the compiled kernel, or Brian2
    """

    tau_membrane: Time = Si(0.02)
    tau_synapse: Time = Si(0.01)
    tau_readout: Time = Si(0.03)
    refractory: Time = Si(0.002)
    v_rest: Voltage = Si(-0.07)
    v_threshold: Voltage = Si(-0.05)
    v_reset: Voltage = Si(-0.07)
    background: Voltage = Si(0.02)
    v_input: Voltage = Si(0.02)
    rate: Rate = Si(50.0)
    dt: Time = Si(0.001)
    step: Time = Si(0.01)
    adaptation: Voltage = Si(0.0)
    tau_adaptation: Time = Si(0.2)
    delay: Delays = Si(0.0)
    encoding: Annotated[Current | Poisson | Latency, KIND] = Current()
    backend: Annotated[Kernel | Brian2, KIND] = Kernel()

    @property
    def substeps(self) -> int:
        """Steps of `dt` in a time step of the task."""
        return round(self.step / self.dt)

    @property
    def wait(self) -> int:
        """Refractory steps of `dt`."""
        return round(self.refractory / self.dt)

    @property
    def adapts(self) -> bool:
        """Whether thresholds rise with spikes."""
        return self.adaptation > 0

    @property
    def delays(self) -> tuple[float, ...]:
        """The delays that are named, in seconds: those that neurons take in turn, of all synapses, or the ends of a range."""
        return delays.times(self.delay)

    @property
    def late_by_synapse(self) -> bool:
        """Whether synapses of one neuron get its spikes at different times."""
        return self.slots > 0 and delays.by_synapse(self.delay)

    @property
    def slots(self) -> int:
        """Steps of `dt` in which a spike can arrive, from that of the spike itself; 0: all arrive at once."""
        longest = max(round(delay / self.dt) for delay in self.delays)
        return longest + 1 if longest else 0

    def lags(self, n: int) -> np.ndarray:
        """Delay of each of n neurons, (n,) int64 [dt]: of its axon, or the mean of its synapses'."""
        return delays.lags(self.delay, self.dt, n)

    def wires(self, n: int) -> np.ndarray:
        """Delay of every recurrent synapse, (n, n) int64 [dt], [i, j] from j to i."""
        return delays.wires(self.delay, self.dt, n)

    def require_neurons(self, n: int) -> None:
        """Reject more delays than there are neurons, or rows of them that are not n."""
        delays.require_neurons(self.delay, n)

    @model_serializer(mode="wrap")
    def _without_later_defaults(self, write) -> dict:
        """Parameters that came later are left out where they change nothing: a table of before stays what it was."""
        idle = (("adaptation", "tau_adaptation") if not self.adapts else ()) + (("delay",) if not self.slots else ())
        return {k: v for k, v in write(self).items() if k not in idle}

    @model_validator(mode="before")
    @classmethod
    def _names_are_kinds(cls, data: Any) -> Any:
        """``backend = "brian2"`` stands for the table with that kind; so does ``encoding``."""
        if not isinstance(data, dict):
            return data
        named = {key: {"kind": data[key]} for key in ("encoding", "backend") if isinstance(data.get(key), str)}
        return {**data, **named}

    @model_validator(mode="after")
    def _is_possible(self):
        for name in ("tau_membrane", "tau_synapse", "tau_readout", "tau_adaptation", "rate", "dt", "step"):
            if not 0 < getattr(self, name) < math.inf:
                self._refuse(name, "positive")
        if not 0 <= self.adaptation < math.inf:
            raise SpecError("adaptation", "LIF", "0 or more", write(self.adaptation, "voltage"))
        if self.refractory < 0:
            self._refuse("refractory", "0 or more")
        if not self.v_reset < self.v_threshold or not self.v_rest < self.v_threshold:
            self._refuse("v_threshold", "above both 'v_rest' and 'v_reset'")
        if abs(self.tau_membrane / self.tau_synapse - 1) < APART:
            self._refuse("tau_synapse", "different from 'tau_membrane': the exact solution divides by their difference")
        for name, least in (("step", 1), ("refractory", 0)):
            if not self._is_whole(getattr(self, name), least):
                self._refuse(name, f"a whole number of steps 'dt' of {write(self.dt, 'time')}")
        self._require_delays()
        self.encoding.require_fit(self.dt)
        return self

    def _is_whole(self, time: float, least: int) -> bool:
        """Whether a time is a whole number of steps of `dt`, and how many at least."""
        count = time / self.dt
        return round(count) >= least and abs(count - round(count)) <= 1e-6 * max(count, 1)

    def _require_delays(self) -> None:
        said = [write(delay, "time") for delay in self.delays]
        if not said:
            raise SpecError("delay", "LIF", "a time or a list of times", said)
        for delay, text in zip(self.delays, said, strict=True):
            if not 0 <= delay <= LONGEST_DELAY * self.dt or not self._is_whole(delay, 0):
                most = write(LONGEST_DELAY * self.dt, "time")
                wanted = f"a whole number of steps 'dt' of {write(self.dt, 'time')}, from 0 to {most}"
                raise SpecError("delay", "LIF", wanted, text)

    def _refuse(self, name: str, what: str) -> None:
        raise SpecError(name, "LIF", what, self.table()[name])
