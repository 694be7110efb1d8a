"""A Brian2 network that learns by a rule, with spiking neurons or rate units, from the equations of :mod:`neuroperturb.spiking.brian_equations`.

Python supplies rows of inputs, noise and targets, and reads the results; everything in between happens in Brian2 objects
(:mod:`neuroperturb.spiking.brian_objects`). The state between two presentations is a table of arrays, for each target alike: at runtime
(numpy, cython) the network is reset to time zero and given the state; a standalone program is run again with it, without
recompilation.

Brian2's preferences, clock and random numbers are not changed: random numbers come in rows, or from counters
(:mod:`neuroperturb.spiking.brian_weights`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from hardware_models.array import SynapseArray
from neuroperturb.network.lif import LIF
from neuroperturb.network.rnn import Matrices
from neuroperturb.rules import PerturbationRule
from neuroperturb.spec import SpecError, Words
from neuroperturb.spiking import brian_delays as delays
from neuroperturb.spiking import brian_device as device
from neuroperturb.spiking import brian_equations as equations
from neuroperturb.spiking.brian_objects import Objects

LEARNT = ("W_in", "W_rec", "W_out")
FUNCTIONS = {  # rows → their names in the equations, as functions of time
    "inputs": "inputs", "spikes": "input_spikes", "noise": "noises", "noise_y": "noises_y", "targets": "targets",
    "masks": "masks", "learns": "learns", "begins": "begins", "finishes": "finishes", "etas": "etas",
}  # fmt: skip


class Rows(NamedTuple):
    """Data of a presentation of T steps, one row per step.

    inputs : (T, m) inputs of W_in, including the bias input; with spikes, 0 except for the bias
    spikes : (T · substeps, n_in) the increment of each input spike to its trace; (1, 1) if there are none
    noise, noise_y : (T, n), (T, n_out), σ ξ
    targets : (T, n_out)
    masks, learns, begins, finishes : (T,) of 0 and 1: scored, used for learning, first of a trial, last of an episode, when it is written
    etas : (T,) learning rate after that step
    """

    inputs: np.ndarray
    spikes: np.ndarray
    noise: np.ndarray
    noise_y: np.ndarray
    targets: np.ndarray
    masks: np.ndarray
    learns: np.ndarray
    begins: np.ndarray
    finishes: np.ndarray
    etas: np.ndarray


class SessionOutput(NamedTuple):
    """Results of a presentation: y (T, n_out) of the first pass, loss (T,) at every step, spikes (count, 2) of it: dt steps from 0, neurons."""

    y: np.ndarray
    loss: np.ndarray
    spikes: np.ndarray


class Session:
    """A Brian2 network, its state, and its execution.

    Parameters
    ----------
    rule : PerturbationRule
    arrays : SynapseArray of W_in, W_rec and W_out, programmed: initial weights, and the way they are written
    lif : the neurons; None: rate units with `leak`
    n_in : inputs of the task; W_in may have one more, the bias
    steps : T, steps of a presentation
    online : whether weights change at every step, or only at the end of an episode, which is marked in the rows
    divisor : of the reward, the batch size if the rule uses the mean
    frozen : matrices that are not trained
    target : ``"numpy"``, ``"cython"`` or ``"cpp_standalone"``
    seed : of the random numbers of writing
    record : whether to record spikes
    """

    def __init__(
        self, rule: PerturbationRule, arrays: dict[str, SynapseArray], *, lif: LIF | None, n_in: int, leak: float = 1.0, steps: int,
        online: bool, divisor: float = 1.0, frozen: tuple[str, ...] = (), target: str = "numpy", seed: int = 0, record: bool = False,
    ):  # fmt: skip
        device.load(), device.check_target(target), equations.check(rule)
        if lif is not None and lif.late_by_synapse and online:
            wanted = "one for each neuron in the online schedule of Brian2, whose spikes under way between presentations arrive by neuron"
            raise SpecError("spiking.delay", wanted=wanted, got=Words("one for each synapse"))
        self.rule, self.arrays, self.lif, self.steps, self.target = rule, arrays, lif, steps, target
        self._folder = device.BuildFolder() if target == device.STANDALONE else None
        with device.borrowed(target) as self._device:
            self.objects = Objects(
                rule, arrays, lif=lif, n_in=n_in, leak=leak, online=online, divisor=divisor, frozen=frozen, target=target, seed=seed,
                record=record,
            )  # fmt: skip
            self._timed = self._functions(self._empty()) | self._flights(self.at_start())
            if target == device.STANDALONE:
                self.run(self.steps)
                self._device.build(directory=str(self._folder.path), compile=True, run=False, with_output=False)
            else:
                self.objects.network.store()

    def _empty(self) -> Rows:
        """Rows of zeros, one more than steps: nothing is loaded at the last tick."""
        o, T = self.objects, self.steps + 1
        spikes = (T * self.lif.substeps, o.m) if o.coded else (2, 2)
        shapes = [(T, o.m), spikes, (T, o.n), (T, o.n_out), (T, o.n_out)] + 5 * [(T,)]
        return Rows(*map(np.zeros, shapes))

    def _functions(self, rows: Rows) -> dict[str, Any]:
        """Rows as functions of time."""
        o = self.objects
        return {
            name: o.b2.TimedArray(values, dt=o.dt if name == "spikes" else o.tick, name=FUNCTIONS[name])
            for name, values in rows._asdict().items()
        }

    def at_start(self) -> dict[str, np.ndarray]:
        """Spikes under way before the first presentation: none; empty without delays."""
        o = self.objects
        if o.lags is None:
            return {}
        return {delays.arrivals(h): np.zeros((int(o.lags.max()), o.n)) for h in range(o.passes)}

    def _flights(self, state: dict[str, np.ndarray]) -> dict[str, Any]:
        """Spikes under way as functions of time, 0 after the last."""
        o = self.objects
        return {
            name: o.b2.TimedArray(np.pad(state[name], ((0, 1), (0, 0))), dt=o.dt, name=name)
            for name in (delays.arrivals(h) for h in range(o.passes))
            if o.lags is not None
        }

    # running

    def present(self, rows: Rows, state: dict[str, np.ndarray]) -> tuple[SessionOutput, dict[str, np.ndarray]]:
        """Up to T steps from a state; returns the results, and the state after them."""
        values = Rows(*(_padded(value, self._timed[name].values.shape) for name, value in rows._asdict().items()))
        o = self.objects
        last = self.steps * self.lif.substeps if self.lif is not None else 0
        if self.target == device.STANDALONE:
            self._run_again(values, state)
        else:
            o.network.restore()
            self._timed = self._functions(values) | self._flights(state)
            for view, value in o.measured(state).items():
                view[:] = value
            self.run(self.steps)
        trains = [
            np.column_stack([np.round(np.asarray(one.t) / float(o.dt)), one.i[:]]).astype(int) for one in o.spikes
        ]
        trains = [spikes[spikes[:, 0] < last] for spikes in trains]
        outcome = SessionOutput(
            np.array(o.y.y_0[:, 1:]).T, np.array(o.loss.loss[0, 1:]), trains[0] if trains else np.zeros((0, 2), int)
        )
        after = {name: np.array(view[:], float) for name, view in o.views(kept=True).items()}
        if o.lags is not None and o.wires is None:
            begun = np.flatnonzero(values.begins)
            began = int(begun[-1]) * self.lif.substeps if len(begun) else -1
            for h, sent in enumerate(trains):
                name = delays.arrivals(h)
                after[name] = delays.left_under_way(sent, state[name], o.lags, last, began)
        return outcome, after

    def run(self, steps: int, **options) -> None:
        """Run a number of steps from the present state, and the tick that ends the last; options of Brian2's `Network.run`."""
        o, namespace = self.objects, {FUNCTIONS.get(name, name): function for name, function in self._timed.items()}
        o.network.run(steps * o.tick + o.dt, namespace=namespace, **options)

    def _run_again(self, values: Rows, state: dict[str, np.ndarray]) -> None:
        """The compiled program with other rows, from another state."""
        arguments = {
            self._timed[name]: value
            for name, value in values._asdict().items()
            if name != "spikes" or self.objects.coded
        }
        arguments |= {self._timed[name]: np.pad(state[name], ((0, 1), (0, 0))) for name in self.at_start()}
        arguments |= self.objects.measured(state)
        self._device.run(directory=str(self._folder.path), with_output=False, run_args=arguments)
        self._device.delete(code=False, data=False, run_args=True, directory=False)

    def initial(self) -> dict[str, np.ndarray]:
        """The state before the first presentation: initial weights, neurons at rest."""
        o = self.objects
        state = {name: np.zeros(o.size(name.split(".")[0])) for name in o.views()}
        for name, array in self.arrays.items():
            state[f"{name}.w"] = np.ascontiguousarray(array.read().T, float).ravel()
        if self.lif is not None:
            for h in range(o.passes):
                state[f"units_{h}.v"] += self.lif.v_rest
        for name in ("units_0.variance", "outputs.variance"):
            state[name] += self.rule.noise_std**2
        return state | self.at_start()

    def at_rest(self, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """A state with these weights and neurons as before the first step."""
        return self.initial() | {name: value for name, value in state.items() if name.split(".")[0] in LEARNT}

    def twin_distance(self, state: dict[str, np.ndarray]) -> float:
        """‖δr‖/σ between the two passes; nan for a single one."""
        seen = "x" if self.lif is None else "r"
        if self.objects.passes == 1:
            return float("nan")
        return float(np.linalg.norm(state[f"units_1.{seen}"] - state[f"units_0.{seen}"]) / self.rule.noise_std)

    def weights(self, state: dict[str, np.ndarray]) -> Matrices:
        """W[i, j] from j to i; matrices D are the identity."""
        W = {name: state[f"{name}.w"].reshape(array.shape[::-1]).T.copy() for name, array in self.arrays.items()}
        return Matrices(W["W_in"], W["W_rec"], W["W_out"], np.eye(self.objects.n_in), np.eye(self.objects.n))

    def close(self) -> None:
        """Remove the folder of a standalone program."""
        if self._folder is not None:
            self._folder.remove()


def _padded(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Pad rows with zeros, from which nothing is learned."""
    out = np.zeros(shape)
    out[: len(values)] = values
    return out
