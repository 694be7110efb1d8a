"""The model of an experiment as text: all equations passed to Brian2, with their constants. Brian2 is not needed."""

from __future__ import annotations

from neuroperturb.experiments.experiment import Experiment
from neuroperturb.network.lif import LIF
from neuroperturb.network.quantities import write
from neuroperturb.rules.plan import facts_of
from neuroperturb.spiking import brian_delays as delays
from neuroperturb.spiking import brian_equations as eq
from neuroperturb.spiking.model import decays
from neuroperturb.spiking.neurons import require_fit


def show(experiment: Experiment) -> str:
    """Equations of neurons, outputs, critic and synapses, and the code of each phase in order of execution."""
    rule, lif, training = experiment.rule, experiment.spiking, experiment.training
    require_fit(experiment.network, rule, decorrelation=experiment.decorrelation, hardware=experiment.hardware, lif=lif)
    eq.check(rule)
    facts = facts_of(rule)
    text = eq.text(rule, eq.SPIKING_NAMES, online=training.schedule == "online")
    coded, cells = lif.encoding.kind != "current", eq.cells(lif.adapts, lif.slots > 0)
    parts = [
        ("Constants", _numbers(experiment)),
        ("Inputs" if not coded else f"Inputs, spikes at threshold 'kick != 0', reset '{eq.INPUT_RESET}'", eq.SPIKE_INPUTS if coded else eq.INPUTS),
        (f"Neurons, {facts.passes} populations; threshold '{cells.threshold}', reset '{cells.reset}'", cells.model + text.unit + eq.kept(cells.kept)),
        ("Outputs", text.output),
        ("Critic (a single unit that computes the reward)", eq.CRITIC),
        ("Synapses (W_in, W_rec, W_out) of the first population; the other populations share their w", text.synapse),
        (_on_spike(lif), _spike_code(lif) + ("" if not coded else f"\n# On an input spike, synapses of W_in\n{eq.ON_INPUT}")),
        ("In every dt", eq.SPIKE_EACH + (f"\n{eq.INPUT_EACH}" if coded else "")),
        ("At the end of each task step, in this order: outputs read the traces",
         "\n".join(eq.READ_CODE.format(h=h, seen="r").strip() for h in range(facts.passes))),
        ("… units compute their perturbation", text.unit_send),
        ("… outputs compute their perturbation and the change of the loss", text.output_send),
        ("… the critic sums over the outputs and computes the reward", eq.SENT_CODE + "\n" + text.reward),
        ("… units receive the reward and normalise their factor", text.unit_receive),
        ("… synapses of W_in and W_rec learn", text.learn),
        ("… synapses of W_out learn", text.learn_readout),
        ("… the next step is loaded", (eq.SPIKE_INPUT_LOAD if coded else eq.CURRENT_LOAD) + cells.load + eq.keep(cells.kept)),
        ("… its input currents are set", eq.DRIVE_CODE + eq.SPIKE_BEGIN),
    ]  # fmt: skip
    return "\n\n".join(f"# {title}\n{_indented(body)}" for title, body in parts)


def _on_spike(lif: LIF) -> str:
    if not lif.slots:
        return "On a spike, synapses of W_rec"
    if lif.late_by_synapse:
        return "On the arrival of a spike after wire, the delay of a synapse, synapses of W_rec, and after lag, the mean of its wires, the neuron"
    said = ", ".join(write(delay, "time") for delay in lif.delays)
    return f"On the arrival of a spike after lag = {said}{' in turn' if len(lif.delays) > 1 else ''}, synapses of W_rec, and the neuron itself"


def _spike_code(lif: LIF) -> str:
    if not lif.slots:
        return eq.ON_SPIKE
    gate = delays.SENT_IN_TRIAL_BY_WIRE if lif.late_by_synapse else delays.SENT_IN_TRIAL
    return "\n".join([delays.ON_SPIKE.format(gate=gate), delays.ON_OWN_SPIKE.format(gate=delays.SENT_IN_TRIAL)])


def _numbers(experiment: Experiment) -> str:
    """Constants by their names in the equations."""
    lif, rule, d = experiment.spiking, experiment.rule, decays(experiment.spiking)
    times = {
        name: write(getattr(lif, name), "time") for name in ("tau_membrane", "tau_synapse", "tau_readout", "dt", "step")
    }
    volts = {name: write(getattr(lif, name), "voltage") for name in ("v_rest", "v_threshold", "v_reset")}
    if lif.adapts:
        times["tau_adaptation"], volts["rise"] = write(lif.tau_adaptation, "time"), write(lif.adaptation, "voltage")
    theta = float(f"{lif.v_threshold - lif.v_rest:.12g}")  # shown: without what a difference of floats leaves
    volts |= {"v_background": write(lif.background, "voltage"), "theta": write(theta, "voltage")}
    plain = {"kick_s": d.kick_s, "kick_r": d.kick_r, "D": d.mean, "refractory_steps": d.wait, "sigma": rule.noise_std}
    plain |= {name: eq.constants(rule)[name] for name in ("decay", "beta")}
    every = {**times, **volts, **{name: f"{value:.6g}" for name, value in plain.items()}}
    return "\n".join(f"{name} = {value}" for name, value in every.items())


def _indented(body: str) -> str:
    return "\n".join("    " + line.strip() for line in body.strip().splitlines())
