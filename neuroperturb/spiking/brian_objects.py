"""Brian2 objects of one learning network: groups, synapses, monitors, and their code in each phase of a tick.

The code of these objects, and its order, is the text of :mod:`neuroperturb.spiking.brian_equations`. The network is explicit, without
Brian2's magic; every object is given its clock and its code-generation target, so that Brian2's defaults are unchanged.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hardware_models.array import SynapseArray
from neuroperturb.network.lif import LIF
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.plan import facts_of
from neuroperturb.spiking import brian_delays as delays
from neuroperturb.spiking import brian_device as device
from neuroperturb.spiking import brian_equations as equations
from neuroperturb.spiking.brian_equations import BEGIN, DRIVE, EACH, LEARN, LOAD, READ, RECEIVE, REWARD, SEND, SUM
from neuroperturb.spiking.brian_weights import draw_functions, writing
from neuroperturb.spiking.model import decays

TICK = 1e-3  # seconds per step of rate units, which have no time scale


class Objects:
    """The objects, created with the active device; parameters as in :class:`neuroperturb.spiking.brian_network.Session`."""

    def __init__(
        self, rule: PerturbationRule, arrays: dict[str, SynapseArray], *, lif: LIF | None, n_in: int, leak: float, online: bool,
        divisor: float, frozen: tuple[str, ...], target: str, seed: int, record: bool,
    ):  # fmt: skip
        self.b2, self.rule, self.arrays, self.lif = device.load(), rule, arrays, lif
        self.n, self.m = arrays["W_in"].shape
        self.n_in, self.n_out = n_in, arrays["W_out"].shape[0]
        self.online, self.frozen, self.target = online, frozen, target
        self.facts = facts_of(rule)
        self.passes, self.names = self.facts.passes, equations.RATE_NAMES if lif is None else equations.SPIKING_NAMES
        self.kept = equations.RATE_KEPT if lif is None else equations.cells(lif.adapts, lif.slots > 0).kept
        self.lags = lif.lags(self.n) if lif is not None and lif.slots else None  # steps of dt, if any is late
        self.wires = (
            lif.wires(self.n) if lif is not None and lif.late_by_synapse else None
        )  # the same of synapses, if they differ
        self.coded = lif is not None and lif.encoding.kind != "current"
        self.normed = rule.normaliser.facts.reduces
        self.tick = (TICK if lif is None else lif.step) * self.b2.second
        self.dt = (TICK if lif is None else lif.dt) * self.b2.second
        self.all: list[Any] = []
        self.constants = {"leak": leak, "divisor": divisor} | self._constants() | draw_functions(seed)
        self.texts = {
            name: equations.text(rule, self.names, online=online, write=writing(array, name).code)
            for name, array in arrays.items()
        }
        self._make_critic()
        self._make_inputs()
        self.units = [self._make_units(h) for h in range(self.passes)]
        self._link_units()
        self._make_outputs()
        self._make_synapses()
        self._make_monitors(record)
        self.network = self.b2.Network(self.all)

    def _constants(self) -> dict[str, Any]:
        """Constants with their units, by their names in the equations."""
        rule, b2 = self.rule, self.b2
        numbers = equations.constants(rule) | {
            "sigma": rule.noise_std, "resolution": 32 * float(np.finfo(float).eps), "episodic": float(not self.online),
            "tracing": float(bool(rule.credit.facts.brian.variables)),
        }  # fmt: skip
        if self.lif is None:
            return numbers
        lif, d = self.lif, decays(self.lif)
        return numbers | {
            **{name: getattr(lif, name) * b2.second for name in ("tau_membrane", "tau_synapse", "tau_readout", "tau_adaptation")},
            **{name: getattr(lif, name) * b2.volt for name in ("v_rest", "v_threshold", "v_reset")},
            "v_background": lif.background * b2.volt, "theta": (lif.v_threshold - lif.v_rest) * b2.volt, "kick_s": d.kick_s,
            "kick_r": d.kick_r, "D": d.mean, "refractory_steps": float(d.wait),
            "rise": lif.adaptation * b2.volt,
        }  # fmt: skip

    def _add(self, made):
        self.all.append(made)
        return made

    @property
    def _runs_on(self) -> dict[str, Any]:
        made = device.code_class(self.target)
        return {} if made is None else {"codeobj_class": made}

    def _group(self, name: str, size: int, model: str, dt, numbers: dict[str, float] | None = None, **options):
        """A group of neurons, of inputs, of outputs, or the critic."""
        namespace = {**self.constants, **(numbers or {})}
        return self._add(
            self.b2.NeuronGroup(size, model, dt=dt, name=name, namespace=namespace, **self._runs_on, **options)
        )

    def _at(self, place: int, group, code: str) -> None:
        """Code of a group in a phase of a tick, or in every dt."""
        group.run_regularly(
            code, dt=self.dt if place == EACH else self.tick, when="start", order=place, name=f"{group.name}_{place - READ:02d}",
            **self._runs_on,
        )  # fmt: skip

    # groups

    def _make_critic(self) -> None:
        self.critic = self._group("critic", 1, equations.CRITIC, self.tick)
        self._at(REWARD, self.critic, self.texts["W_rec"].reward)
        self._at(LOAD, self.critic, equations.CRITIC_LOAD)

    def _make_inputs(self) -> None:
        eq = equations
        if not self.coded:
            self.inputs = self._group("inputs", self.m, eq.INPUTS, self.tick)
            self._at(LOAD, self.inputs, eq.CURRENT_LOAD)
            return
        spiking = {"threshold": "kick != 0", "reset": eq.INPUT_RESET, "method": "exact"}
        self.inputs = self._group("inputs", self.m, eq.SPIKE_INPUTS + eq.kept(eq.INPUT_KEPT), self.dt, **spiking)
        self._at(SEND, self.inputs, eq.INPUT_SEND)
        self._at(LOAD, self.inputs, eq.SPIKE_INPUT_LOAD + eq.keep(eq.INPUT_KEPT))
        self._at(EACH, self.inputs, eq.INPUT_EACH)

    def _make_units(self, h: int):
        """Population of pass h; the first also has the postsynaptic factors."""
        eq = equations
        extra = self.texts["W_rec"].unit if h == 0 else eq.TWIN.format(activity=self.names.activity)
        extra += eq.kept(self.kept)
        numbers = {"polarity": self.facts.sign[h], **self._gain(self.n)}
        if self.lif is None:
            group = self._group(f"units_{h}", self.n, eq.RATE + extra, self.tick, numbers)
            load, begin = eq.RATE_LOAD, eq.RATE_BEGIN
        else:
            cells = eq.cells(self.lif.adapts, self.lags is not None)
            spiking = {"threshold": cells.threshold, "reset": cells.reset, "method": "exact"}
            group = self._group(f"units_{h}", self.n, cells.model + extra, self.dt, numbers, **spiking)
            group.v = self.lif.v_rest * self.b2.volt
            if self.lags is not None:
                group.lag, group.began = self.lags * self.dt, -self.b2.second
            load, begin = cells.load, eq.SPIKE_BEGIN
            self._at(EACH, group, eq.SPIKE_EACH)
        self._at(LOAD, group, load + eq.keep(self.kept) + eq.NOISE_LOAD)
        self._at(BEGIN, group, begin)
        return group

    def _link_units(self) -> None:
        first = self.units[0]
        if self.passes == 2:
            for name, source in (
                ("trace_1", self.names.trace),
                ("out_1", self.names.out),
                ("activity_1", "activity_0"),
            ):
                setattr(first, name, self.b2.linked_var(self.units[1], source))
        first.variance = self.rule.noise_std**2
        self._at(SEND, first, self.texts["W_rec"].unit_send)
        self._receive(first, self.n, "square_p", self.texts["W_rec"].unit_receive)

    def _receive(self, group, size: int, square: str, code: str) -> None:
        """Broadcast the critic's variables to every unit of a group."""
        for name in equations.broadcast(self.rule):
            source = square if name == "square" else name
            setattr(group, name + equations.LINKED, self.b2.linked_var(self.critic, source, index=np.zeros(size, int)))
        self._at(RECEIVE, group, code)

    def _gain(self, size: int) -> dict[str, float]:
        """g of a layer, if the rule has one."""
        return {"gain": self.rule.normaliser.layer_gain(size, (self.n, self.n_in, self.n_out))} if self.normed else {}

    def _make_outputs(self) -> None:
        text = self.texts["W_out"]
        self.outputs = self._group("outputs", self.n_out, text.output, self.tick, self._gain(self.n_out))
        self.outputs.variance = self.rule.noise_std**2
        self._at(SEND, self.outputs, text.output_send)
        self._receive(self.outputs, self.n_out, "square_y", text.output_receive)
        self._at(LOAD, self.outputs, equations.OUTPUT_LOAD)

    # synapses

    def _make_synapses(self) -> None:
        eq = equations
        on_spike = {"on_pre": eq.ON_INPUT, "order": -1} if self.coded else {}
        spikes, back = ({"on_pre": eq.ON_SPIKE}, "") if self.lif is not None else ({}, eq.BACK_CODE)
        self.synapses: dict[str, Any] = {}
        for h, units in enumerate(self.units):
            self._connect("W_in", h, self.inputs, units, eq.DRIVE_CODE, DRIVE, **on_spike)
            if self.lags is None:
                self._connect("W_rec", h, units, units, back, DRIVE, **spikes)
            else:
                self._make_late_synapses(h, units)
            self._connect("W_out", h, units, self.outputs, eq.READ_CODE.format(h=h, seen=self.names.out), READ)
        self._sum("sent", self.outputs, eq.SENT_CODE + eq.SQUARE_Y_CODE * self.normed)
        if self.normed:
            self._sum("square", self.units[0], eq.SQUARE_P_CODE)

    def _make_late_synapses(self, h: int, units) -> None:
        """W_rec of pass h with delays, the traces of its spikes, and both for the spikes under way from before."""
        own = {"dt": self.dt, "namespace": self.constants, **self._runs_on}
        flight = self._group(
            f"flight_{h}", self.n, delays.FLIGHT.format(h=h), self.dt, threshold=delays.FLIES, reset=""
        )
        for source, prefix, gate in ((units, "", delays.SENT_IN_TRIAL), (flight, "flight_", delays.NOT_BEGUN)):
            on_pre = delays.ON_SPIKE.format(gate=gate)
            if source is units and self.wires is not None:
                gate = delays.SENT_IN_TRIAL_BY_WIRE
                on_pre = delays.ON_SPIKE.format(gate=gate)
                late = self._connect("W_rec", h, source, units, delays.WIRE, DRIVE, on_pre=on_pre)
                late.wire = self.wires.T.ravel() * self.dt  # synapses are in order of their presynaptic unit
            elif source is units:
                late = self._connect("W_rec", h, source, units, "", DRIVE, on_pre=on_pre)
            else:
                late = self._link(f"{prefix}W_rec_{h}", source, units, "", None, self.synapses["W_rec"], on_pre=on_pre)
            gate = delays.SENT_IN_TRIAL if source is units else gate
            trace = self.b2.Synapses(
                source, units, on_pre=delays.ON_OWN_SPIKE.format(gate=gate), name=f"{prefix}trace_{h}", **own
            )
            trace.connect(j="i")
            self._add(trace)
            if source is units:
                late.delay = "lag_pre" if self.wires is None else "wire"
                trace.delay = "lag_pre"

    def _sum(self, name: str, source, model: str) -> None:
        """A sum over units, in the critic."""
        self._place(self._link(name, source, self.critic, model), SUM)

    def _connect(self, name: str, h: int, source, target, sums: str, place: int, **pathway):
        """Synapses of one matrix and pass: those of the first pass have the weights and learn, others refer to them."""
        text, numbers, owner = self.texts[name], writing(self.arrays[name], name).numbers, self.synapses.get(name)
        own = text.synapse if owner is None else ""
        made = self._link(f"{name}_{h}", source, target, own + sums, numbers, owner, **pathway)
        self._place(made, place)
        if owner is None:
            self.synapses[name] = made
            if name not in self.frozen:
                self._at(LEARN, made, text.learn_readout if name == "W_out" else text.learn)
        return made

    def _link(
        self, name: str, source, target, model: str, numbers: dict | None = None, owner=None, order: int = 0, **pathway
    ):
        """All-to-all synapses; if an owner is given, they share its weights."""
        made = self.b2.Synapses(
            source, target, model, dt=self.dt if pathway else self.tick, name=name, namespace={**self.constants, **(numbers or {})},
            order=order, **self._runs_on, **pathway,
        )  # fmt: skip
        if owner is not None:
            made.variables.add_reference("w", owner)
        made.connect()
        return self._add(made)

    def _place(self, synapses, order: int) -> None:
        """Put summed variables in their phase of the tick."""
        for updater in synapses.summed_updaters.values():
            updater.when, updater.order = "start", order

    def _make_monitors(self, record: bool) -> None:
        options = {"record": True, "dt": self.tick, "when": "start", "order": LEARN, **self._runs_on}
        self.y = self._add(self.b2.StateMonitor(self.outputs, "y_0", name="y", **options))
        self.loss = self._add(self.b2.StateMonitor(self.critic, "loss", name="loss", **options))
        seen = self.units if self.lags is not None else self.units[:1] if record and self.lif is not None else []
        self.spikes = [
            self._add(self.b2.SpikeMonitor(units, name=f"spikes_{h}", **self._runs_on)) for h, units in enumerate(seen)
        ]

    # state

    def views(self, kept: bool = False) -> dict[str, Any]:
        """Variables of the state, by name; `kept`: their values saved at the last tick."""
        of_synapse = [line.split(":")[0].strip() for line in self.texts["W_rec"].synapse.strip().splitlines()]
        moving = {f"units_{h}": (units, self.kept) for h, units in enumerate(self.units)}
        moving |= {"inputs": (self.inputs, equations.INPUT_KEPT)} if self.coded else {}
        still = {name: (synapses, of_synapse) for name, synapses in self.synapses.items()}
        still |= {
            "outputs": (self.outputs, ("variance",)),
            "critic": (self.critic, ("writes", "written", "baseline", "started")),
        }
        views = {f"{name}.{v}": getattr(group, v) for name, (group, names) in still.items() for v in names}
        views["units_0.variance"] = self.units[0].variance
        suffix = "_kept" if kept else ""
        return views | {
            f"{name}.{v}": getattr(group, v + suffix) for name, (group, names) in moving.items() for v in names
        }

    def measured(self, state: dict[str, np.ndarray]) -> dict[Any, Any]:
        """Values of a variable, with its unit."""
        return {view: self.b2.Quantity(state[name], dim=view.dim) for name, view in self.views().items()}

    def size(self, name: str) -> int:
        """Number of units or synapses of an object, which a standalone program knows only after a run."""
        if name in self.arrays:
            return int(np.prod(self.arrays[name].shape))
        sizes = {"inputs": self.m, "outputs": self.n_out, "critic": 1}
        return sizes.get(name, self.n)
