"""A network of Brian2 that learns by a rule: spiking, or of rate units, from the equations of :mod:`neuroperturb.spiking.equations`.

Everything that happens is in Brian2's objects: neurons, synapses and the code they run regularly. Python hands over rows of inputs,
noise and targets, and takes what came of them; the state between two presentations is a table of arrays, for each target alike. At
runtime (numpy, cython) the network is set back to its first moment and given the state; a standalone program is run again with it.

The network is explicit, names nothing by magic, and leaves Brian2's preferences, clock and random numbers as they are: all that is
random comes in rows, or from counters (:mod:`neuroperturb.spiking.weights`).
"""

from __future__ import annotations

from typing import Any, NamedTuple

import numpy as np

from hardware_models.array import SynapseArray
from neuroperturb.lif import LIF
from neuroperturb.network import Matrices
from neuroperturb.rules import Antithetic, LayerNorm, PerturbationRule
from neuroperturb.spiking import device, equations
from neuroperturb.spiking.equations import BEGIN, DRIVE, EACH, HEAR, JUDGE, LEARN, LOAD, READ, SUM, TELL
from neuroperturb.spiking.model import decays
from neuroperturb.spiking.weights import draw_functions, writing

LEARNT = ("W_in", "W_rec", "W_out")
TICK = 1e-3  # seconds of a step of rate units, which have no time of their own


class Rows(NamedTuple):
    """What a presentation of T steps hands over, one row a step.

    inputs : (T, m) as W_in meets them, the bias input among them; with spikes, 0 but for the bias
    spikes : (T · substeps, n_in) what each input spike adds to its trace; (1, 1) where there are none
    noise, noise_y : (T, n), (T, n_out), σ ξ
    targets : (T, n_out)
    masks, learns, begins, finishes : (T,) of 0 and 1: scored, learnt from, first of a trial, last of an episode that is written
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


class Outcome(NamedTuple):
    """What came of it: y (T, n_out) of the first pass, loss (T,) at every step, spikes (count, 2) of it: dt steps from 0, neurons."""

    y: np.ndarray
    loss: np.ndarray
    spikes: np.ndarray


class Session:
    """A network, its state, and how it is run.

    Parameters
    ----------
    rule : PerturbationRule
    arrays : SynapseArray of W_in, W_rec and W_out, programmed: initial weights, and what writes them
    lif : the neurons; None: rate units with `leak`
    n_in : inputs of the task; W_in may have one more, the bias
    steps : T, steps of a presentation
    online : whether weights change at every step, or where a row says that an episode is finished
    divisor : of the reward, the batch size where the rule takes the mean
    frozen : matrices that stay as they are
    target : ``"numpy"``, ``"cython"`` or ``"cpp_standalone"``
    seed : of the random numbers of writing
    record : whether to record spikes
    """

    def __init__(
        self, rule: PerturbationRule, arrays: dict[str, SynapseArray], *, lif: LIF | None, n_in: int, leak: float = 1.0, steps: int,
        online: bool, divisor: float = 1.0, frozen: tuple[str, ...] = (), target: str = "numpy", seed: int = 0, record: bool = False,
    ):  # fmt: skip
        device.check_target(target)
        self.b2 = device.load()
        self.rule, self.lif, self.leak, self.steps, self.online, self.n_in = rule, lif, leak, steps, online, n_in
        self.arrays, self.frozen, self.target, self.divisor, self.seed = arrays, frozen, target, divisor, seed
        self.passes = equations.passes(rule)
        self._folder = device.Folder() if target == device.STANDALONE else None
        with device.borrowed(target) as self._device:
            self._build(record)
            if target == device.STANDALONE:
                self._compile()
            else:
                self.network.store()

    # building

    def _build(self, record: bool) -> None:
        n, m = self.arrays["W_in"].shape
        self.n, self.m, self.n_out = n, m, self.arrays["W_out"].shape[0]
        self.coded = self.lif is not None and self.lif.encoding.kind != "current"
        second = self.b2.second
        self.T = TICK if self.lif is None else self.lif.step
        self.dt = (TICK if self.lif is None else self.lif.dt) * second
        self.tick = self.T * second
        self._objects: list[Any] = []
        self._moving: list[Any] = []  # what rests at the last tick
        self._numbers = self._constants()
        names = equations.RATE_NAMES if self.lif is None else equations.SPIKING_NAMES
        self._texts = {
            name: equations.text(self.rule, names, online=self.online, write=writing(array, name).code)
            for name, array in self.arrays.items()
        }
        self.text = self._texts["W_rec"]
        self._timed = {name: self._timed_array(name, row) for name, row in self._empty()._asdict().items()}
        self._make_critic()
        self._make_inputs()
        self._make_units()
        self._make_outputs()
        self._make_synapses()
        self._make_monitors(record)
        self.network = self.b2.Network(self._objects)

    def _constants(self) -> dict[str, Any]:
        """Numbers with their units, by the names that equations know."""
        rule, b2 = self.rule, self.b2
        numbers = {
            "sigma": rule.noise_std, "decay": getattr(rule.credit, "decay", 0.0), "beta": getattr(rule.step, "decay", 0.0),
            "divisor": self.divisor, "variance_rate": getattr(rule.normaliser, "rate", 0.0), "leak": self.leak,
            "baseline_rate": getattr(rule.baseline, "rate", 0.0), "resolution": 32 * float(np.finfo(float).eps),
            "episodic": float(not self.online), "tracing": float(rule.credit.kind == "trace"),
        }  # fmt: skip
        if self.lif is not None:
            lif, d = self.lif, decays(self.lif)
            numbers |= {
                **{name: getattr(lif, name) * b2.second for name in ("tau_membrane", "tau_synapse", "tau_readout")},
                **{name: getattr(lif, name) * b2.volt for name in ("v_rest", "v_threshold", "v_reset")},
                "v_background": lif.background * b2.volt, "theta": (lif.v_threshold - lif.v_rest) * b2.volt, "kick_s": d.kick_s,
                "kick_r": d.kick_r, "D": d.mean, "refractory_steps": float(d.wait),
            }  # fmt: skip
        return numbers | draw_functions(self.seed)

    def _empty(self) -> Rows:
        T = self.steps + 1
        substeps = self.lif.substeps if self.coded else 0
        spikes = np.zeros((T * substeps, self.m) if self.coded else (2, 2))
        return Rows(
            np.zeros((T, self.m)),
            spikes,
            np.zeros((T, self.n)),
            np.zeros((T, self.n_out)),
            np.zeros((T, self.n_out)),
            *np.zeros((5, T)),
        )

    def _timed_array(self, name: str, values: np.ndarray):
        dt = self.dt if name == "spikes" else self.tick
        return self.b2.TimedArray(values, dt=dt, name=name)

    def _add(self, made, *, moving: bool = False):
        self._objects.append(made)
        if moving:
            self._moving.append(made)
        return made

    def _group(self, name: str, size: int, model: str, dt, numbers: dict | None = None, **options):
        made = self.b2.NeuronGroup(
            size, model, dt=dt, name=name, namespace={**self._numbers, **(numbers or {})}, **self._code_class(),
            **options,
        )  # fmt: skip
        return self._add(made)

    def _code_class(self) -> dict:
        made = device.code_class(self.target)
        return {} if made is None else {"codeobj_class": made}

    def _regularly(self, group, code: str, order: int, *, each: bool = False) -> None:
        made = group.run_regularly(
            code,
            dt=self.dt if each else self.tick,
            when="start",
            order=order,
            name=f"{group.name}_{order - READ:02d}",
            **self._code_class(),
        )
        if each:
            self._moving.append(made)

    def _make_critic(self) -> None:
        self.critic = self._group("critic", 1, equations.CRITIC, self.tick)
        self._regularly(self.critic, self.text.judge, JUDGE)
        self._regularly(self.critic, equations.CRITIC_LOAD, LOAD)

    def _make_inputs(self) -> None:
        eq = equations
        if not self.coded:
            self.inputs = self._group("inputs", self.m, eq.INPUTS, self.tick)
            self._regularly(self.inputs, eq.CURRENT_LOAD, LOAD)
            return
        self.inputs = self._group(
            "inputs", self.m, eq.SPIKE_INPUTS, self.dt, threshold="kick != 0", reset=eq.INPUT_RESET, method="exact"
        )
        self._rest(self.inputs)
        self._regularly(self.inputs, eq.INPUT_TELL, TELL)
        self._regularly(self.inputs, eq.SPIKE_INPUT_LOAD, LOAD)
        self._regularly(self.inputs, eq.INPUT_EACH, EACH, each=True)

    def _rest(self, group) -> None:
        """What of a group does not happen at the last tick."""
        self._moving += [group.state_updater, *group.thresholder.values(), *group.resetter.values()]

    def _make_units(self) -> None:
        eq, pair = equations, isinstance(self.rule.baseline, Antithetic)
        names = eq.RATE_NAMES if self.lif is None else eq.SPIKING_NAMES
        self.units = []
        for h in range(self.passes):
            polarity = (1.0 if self.passes == 1 else 0.0) if h == 0 and not pair else (-1.0 if h == 0 else 1.0)
            extra = self.text.unit if h == 0 else equations.TWIN.format(activity=names.activity)
            numbers = {"polarity": polarity, "gain": self._gain(self.n)}
            if self.lif is None:
                group = self._group(f"units_{h}", self.n, eq.RATE + extra, self.tick, numbers)
                load, begin = eq.RATE_LOAD, eq.RATE_BEGIN
            else:
                group = self._group(
                    f"units_{h}",
                    self.n,
                    eq.SPIKING + extra,
                    self.dt,
                    numbers,
                    threshold=eq.THRESHOLD,
                    reset=eq.RESET,
                    method="exact",
                )
                group.v = self.lif.v_rest * self.b2.volt
                self._rest(group)
                load, begin = eq.SPIKE_LOAD, eq.SPIKE_BEGIN
                self._regularly(group, eq.SPIKE_EACH, EACH, each=True)
            self._regularly(group, load + "\n    noise = noises(t, i)", LOAD)
            self._regularly(group, begin, BEGIN)
            self.units.append(group)
        self._link_units(names)

    def _link_units(self, names: equations.Names) -> None:
        first = self.units[0]
        if self.passes == 2:
            for name, source in (("trace_1", names.trace), ("out_1", names.out), ("activity_1", "activity_0")):
                setattr(first, name, self.b2.linked_var(self.units[1], source))
        first.variance = self.rule.noise_std**2
        self._regularly(first, self.text.unit_tell, TELL)
        self._hear(first, self.n, "square_p", self.text.unit_hear)

    def _hear(self, group, size: int, square: str, code: str) -> None:
        """What the critic says reaches every unit of a group, one number for all."""
        for name in equations.broadcast(self.rule):
            source = square if name == "square" else name
            setattr(group, name + equations.SAID, self.b2.linked_var(self.critic, source, index=np.zeros(size, int)))
        self._regularly(group, code, HEAR)

    def _gain(self, size: int) -> float:
        normaliser = self.rule.normaliser
        whole = isinstance(normaliser, LayerNorm) and normaliser.gain == "network"
        return float(np.sqrt(self.n_in + self.n + self.n_out)) if whole else float(size)

    def _make_outputs(self) -> None:
        text = self._texts["W_out"]
        self.outputs = self._group("outputs", self.n_out, text.output, self.tick, {"gain": self._gain(self.n_out)})
        self.outputs.variance = self.rule.noise_std**2
        self._regularly(self.outputs, text.output_tell, TELL)
        self._hear(self.outputs, self.n_out, "square_y", text.output_hear)
        self._regularly(self.outputs, "noise = noises_y(t, i)\ntarget = targets(t, i)", LOAD)

    # synapses

    def _make_synapses(self) -> None:
        eq, spiking = equations, self.lif is not None
        seen = (equations.SPIKING_NAMES if spiking else equations.RATE_NAMES).out
        self.synapses: dict[str, Any] = {}
        for h, units in enumerate(self.units):
            heard = {"on_pre": eq.ON_INPUT, "order": -1} if self.coded else {}
            self._connect("W_in", h, self.inputs, units, eq.DRIVE_CODE, DRIVE, **heard)
            if spiking:
                self._connect("W_rec", h, units, units, "", DRIVE, on_pre=eq.ON_SPIKE)
            else:
                self._connect("W_rec", h, units, units, eq.BACK_CODE, DRIVE)
            self._connect("W_out", h, units, self.outputs, eq.READ_CODE.format(h=h, seen=seen), READ)
        self._sum("sent", self.outputs, eq.SENT_CODE + eq.SQUARE_Y_CODE * self._normed)
        if self._normed:
            self._sum("square", self.units[0], eq.SQUARE_P_CODE)

    @property
    def _normed(self) -> bool:
        return isinstance(self.rule.normaliser, LayerNorm)

    def _sum(self, name: str, source, model: str) -> None:
        """A sum over units, in the critic."""
        self._place(self._link(name, source, self.critic, model), SUM)

    def _connect(self, name: str, h: int, source, target, sums: str, order: int, **pathway) -> None:
        """Synapses of one matrix and pass: those of the first pass hold the weights and learn, others refer to them."""
        code, write = self._texts[name], writing(self.arrays[name], name)
        owner = self.synapses.get(name)
        made = self._link(
            f"{name}_{h}", source, target, (code.synapse if h == 0 else "") + sums, write.numbers, owner, **pathway
        )
        self._moving += made._pathways
        self._place(made, order)
        if h > 0:
            return
        self.synapses[name] = made
        if name not in self.frozen:
            self._regularly(made, code.learn_readout if name == "W_out" else code.learn, LEARN)

    def _link(
        self, name: str, source, target, model: str, numbers: dict | None = None, owner=None, order: int = 0, **pathway
    ):
        """Synapses from all to all."""
        made = self.b2.Synapses(
            source, target, model, dt=self.dt if pathway else self.tick, name=name, namespace={**self._numbers, **(numbers or {})},
            order=order, **self._code_class(), **pathway,
        )  # fmt: skip
        if owner is not None:
            made.variables.add_reference("w", owner)
        made.connect()
        return self._add(made)

    def _place(self, synapses, order: int) -> None:
        """Sums happen at their place in the tick."""
        for updater in synapses.summed_updaters.values():
            updater.when, updater.order = "start", order

    def _make_monitors(self, record: bool) -> None:
        options = {"record": True, "dt": self.tick, "when": "start", "order": LEARN, **self._code_class()}
        self._y = self._add(self.b2.StateMonitor(self.outputs, "y_0", name="y", **options))
        self._loss = self._add(self.b2.StateMonitor(self.critic, "loss", name="loss", **options))
        self._spikes = None
        if record and self.lif is not None:
            self._spikes = self._add(self.b2.SpikeMonitor(self.units[0], name="spikes", **self._code_class()))

    # running

    def _namespace(self) -> dict[str, Any]:
        names = {
            "inputs": "inputs", "spikes": "input_spikes", "noise": "noises", "noise_y": "noises_y", "targets": "targets",
            "masks": "masks", "learns": "learns", "begins": "begins", "finishes": "finishes", "etas": "etas",
        }  # fmt: skip
        return {names[field]: array for field, array in self._timed.items()}

    def _run(self) -> None:
        """T steps, and the tick that ends the last."""
        namespace = self._namespace()
        self.network.run(self.steps * self.tick, namespace=namespace)
        for moving in self._moving:
            moving.active = False
        self.network.run(self.tick, namespace=namespace)
        for moving in self._moving:
            moving.active = True

    def _compile(self) -> None:
        self._run()
        self._device.build(directory=str(self._folder.path), compile=True, run=False, with_output=False)
        self._ran = False

    def present(self, rows: Rows, state: dict[str, np.ndarray]) -> tuple[Outcome, dict[str, np.ndarray]]:
        """T steps from a state; what came of them, and the state after them."""
        values = {name: _padded(value, self._timed[name].values.shape) for name, value in rows._asdict().items()}
        if self.target == device.STANDALONE:
            self._run_again(values, state)
        else:
            self.network.restore()
            self._timed = {name: self._timed_array(name, value) for name, value in values.items()}
            for name, view in self._views().items():
                view[:] = state[name]
            self._run()
        spikes = np.zeros((0, 2), int)
        if self._spikes is not None:
            spikes = np.column_stack([np.round(np.asarray(self._spikes.t) / float(self.dt)), self._spikes.i[:]]).astype(
                int
            )
        outcome = Outcome(np.array(self._y.y_0[:, 1:]).T, np.array(self._loss.loss[0, 1:]), spikes)
        return outcome, {name: np.array(view[:], float) for name, view in self._views().items()}

    def _run_again(self, values: dict, state: dict) -> None:
        arguments = {self._timed[name]: value for name, value in values.items() if name != "spikes" or self.coded}
        arguments |= {view: state[name] for name, view in self._views().items()}
        self._device.run(directory=str(self._folder.path), with_output=False, run_args=arguments)
        self._device.delete(code=False, data=False, run_args=True, directory=False)

    def _views(self) -> dict[str, Any]:
        """Variables that carry the state on, by name, as plain numbers."""
        owners = {name: (synapses, self._synapse_state) for name, synapses in self.synapses.items()}
        unit_state = ("x", "before", "a") if self.lif is None else ("v", "g", "s", "r", "wait")
        owners |= {f"units_{h}": (units, unit_state + ("variance",) * (h == 0)) for h, units in enumerate(self.units)}
        owners |= {
            "outputs": (self.outputs, ("variance",)),
            "critic": (self.critic, ("writes", "written", "baseline", "started")),
        }
        owners |= {"inputs": (self.inputs, ("q",))} if self.coded else {}
        return {
            f"{name}.{v}": getattr(group, f"{v}_") for name, (group, variables) in owners.items() for v in variables
        }

    @property
    def _synapse_state(self) -> list[str]:
        return [line.split(":")[0].strip() for line in self.text.synapse.strip().splitlines()]

    def initial(self) -> dict[str, np.ndarray]:
        """The state before the first presentation: nothing learnt, neurons at rest."""
        state = {name: np.zeros(len(view[:])) for name, view in self._views().items()}
        for name, array in self.arrays.items():
            state[f"{name}.w"] = np.ascontiguousarray(array.read().T, float).ravel()
        if self.lif is not None:
            for h in range(self.passes):
                state[f"units_{h}.v"] += self.lif.v_rest
        for name in ("units_0.variance", "outputs.variance"):
            state[name] += self.rule.noise_std**2
        return state

    def at_rest(self, state: dict[str, np.ndarray]) -> dict[str, np.ndarray]:
        """A state with these weights and neurons as before the first step."""
        return self.initial() | {name: value for name, value in state.items() if name.split(".")[0] in LEARNT}

    def twin_distance(self, state: dict[str, np.ndarray]) -> float:
        """‖δr‖/σ between the two passes; nan of a single one."""
        seen = "x" if self.lif is None else "r"
        if self.passes == 1:
            return float("nan")
        return float(np.linalg.norm(state[f"units_1.{seen}"] - state[f"units_0.{seen}"]) / self.rule.noise_std)

    def weights(self, state: dict[str, np.ndarray]) -> Matrices:
        """W[i, j] from j to i; matrices D are the identity."""
        W = {name: state[f"{name}.w"].reshape(array.shape[::-1]).T.copy() for name, array in self.arrays.items()}
        return Matrices(W["W_in"], W["W_rec"], W["W_out"], np.eye(self.m), np.eye(self.n))

    def close(self) -> None:
        """Remove the folder of a standalone program."""
        if self._folder is not None:
            self._folder.remove()


def _padded(values: np.ndarray, shape: tuple[int, ...]) -> np.ndarray:
    """Rows of zeros after those given: nothing is learnt from them."""
    out = np.zeros(shape)
    out[: len(values)] = values
    return out
