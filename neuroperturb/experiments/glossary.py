"""Words of reports and figures, and of the field, in a sentence or two each; and what users may call a setting."""

from __future__ import annotations

WORDS = {
    "alignment": "cosine between the update of a rule and the exact gradient, per sample or in the mean over many; "
    "`neuroperturb align` measures it.",
    "ANP": "activity-based node perturbation: the difference of activity between a noisy and a clean pass stands for the "
    "noise, so that noise of the hardware itself can be learned from.",
    "antithetic": "two passes with the perturbation and its negative; half their difference of loss is broadcast.",
    "asymmetry": "(step up − step down) / (step up + step down) of a cell; requests that cancel in the mean still pull its "
    "weight to where both are equal.",
    "at bound": "share of the cells that stand at the end of their range, and can be moved in one direction only.",
    "baseline": "what a loss is compared with before it is broadcast: a clean twin, an antithetic pass, a running mean. In "
    "tables also: what a rule is compared with (guessing, persistence, ridge regression, an echo state network, "
    "the exact gradient).",
    "broadcast": "the one number that all synapses receive: the change of the loss, for each trial or once for a batch.",
    "closed loop": "a writing that reads cells back: what they did not do of a request is kept digitally and sent again.",
    "clipped": "a weight beyond what the mean cell can hold, or a read beyond the range of its converter.",
    "credited": "share of all perturbation of a layer, that of the hardware included, that its synapses are told of. The rest "
    "makes the estimate noisier, by 1/credited in variance.",
    "dead": "units whose state does not change although they are perturbed; of the output, trials whose reward is exactly "
    "0.",
    "device units": "weights as cells hold them, mostly from −1 to 1; times `weight_scale` they are weights of the network.",
    "endurance used": "pulses of the most-written cell, divided by the number that such cells are published to survive.",
    "error bits": "sequences or bits that are reported wrongly, as a share.",
    "exact gradient": "backpropagation through time: what perturbation rules estimate.",
    "fidelity": "squared cosine between the summed requests and what cells realised of them: the share of the weight change "
    "that was asked for.",
    "forgets": "how often cells forget their weights in a run, by asymmetric pulses that cancel: above 1.5 learning is in "
    "doubt.",
    "frozen": "the same rule with W_in and W_rec as they began: what the readout alone can do. A rule that is no better has "
    "learned nothing in the recurrence.",
    "granule": "the unit in which a digital accumulator sends requests on to cells.",
    "guessing": "the best constant output; 1 on tasks with targets ±1.",
    "ledger": "all that arrays did in a run: updates, pulses, reads, conversions, and their energy, time and wear, as low, "
    "typical and high values.",
    "like": "in the table of a rule of one's own, or as `--set rule.like=np-trace`: probe, normaliser, baseline, noise, step, σ and η as "
    "that preset has them, so that both differ in their formulas alone.",
    "loss SNR": "change of the loss that a layer's credited perturbation explains, over all other change of the loss.",
    "NMSE": "mean squared error, divided by the variance of the target: 1 is the mean of the data.",
    "NP": "node perturbation: noise on pre-activations, correlated with the change of the loss.",
    "P": "an estimate of the inverse covariance of presynaptic activity; with it, a rule descends along whitened "
    "activity (`np-p`, `anp-p`).",
    "persistence": "the last value that was seen, as a forecast.",
    "probe": "what a rule perturbs (units, weights), and what of it synapses are told.",
    "read-back": "a read of cells that were just written.",
    "request": "the change of a weight that a rule asks for in one write.",
    "request/step": "rms request, divided by the step of a pulse; below 1 most requests produce no pulse, and are rounded at "
    "random or kept digitally.",
    "residual": "what was requested of a cell and has not been done; a closed loop keeps it digitally.",
    "several cells": "a weight shared by several devices that are pulsed in turn: steps and write noise are divided by their "
    "number.",
    "step": "the change of a cell by one pulse; at w = 0 unless stated.",
    "symmetry point": "the weight at which pulses up and down move a cell equally far.",
    "trace": "a running sum of presynaptic activity times perturbation, kept by every synapse, so that a later reward "
    "finds it.",
    "twin": "the clean pass beside a perturbed one, with the same input.",
    "wander": "rms movement of weights that was not requested, over a run, relative to the weights.",
    "weight error": "levels and write noise of cells, relative to the weights.",
    "whitened": "presynaptic activity multiplied by P, so that correlated inputs do not slow learning down.",
    "WP": "weight perturbation: noise on the weights themselves.",
    "write noise": "noise of the visible weight that every write draws anew, however many pulses it has.",
    "σ known": "standard deviation of the perturbation that synapses are told of.",
    "σ unknown": "standard deviation of all other perturbation of a layer, such as read noise.",
}

# What the field calls a thing → the key of the setting
SYNONYMS = {
    "dead cells": "hardware.time.faults.stuck_zero",
    "stuck cells": "hardware.time.faults.stuck_zero",
    "defects": "hardware.time.faults",
    "yield": "hardware.time.faults",
    "read noise": "hardware.reading.output_noise_std",
    "weight noise": "hardware.reading.weight_noise",
    "resolution": "hardware.cells.bits",
    "quantization": "hardware.cells.bits",
    "quantisation": "hardware.cells.bits",
    "adc bits": "hardware.reading.adc.bits",
    "dac bits": "hardware.reading.dac.bits",
    "ir drop": "hardware.reading.wires",
    "wire resistance": "hardware.reading.wires",
    "drift": "hardware.time.drift",
    "retention": "hardware.time.retention",
    "endurance": "hardware.time.wear",
    "write noise": "hardware.cells.write_noise_std",
    "variability": "hardware.cells.dw_min_dtod",
    "device-to-device": "hardware.cells.dw_min_dtod",
    "cycle-to-cycle": "hardware.cells.dw_min_std",
    "mismatch": "hardware.neurons",
    "learning rate": "rule.learning_rate",
    "lr": "rule.learning_rate",
    "sigma": "rule.noise_std",
    "σ": "rule.noise_std",
    "perturbation size": "rule.noise_std",
    "η": "rule.learning_rate",
    "eta": "rule.learning_rate",
    "hidden units": "network.size",
    "neurons": "network.size",
    "time constant": "network.leak",
    "tau": "network.leak",
    "batch size": "training.batch_size",
    "trials": "task.trials_per_epoch",
    "passes": "training.epochs",
    "reward noise": "hardware.reward.noise_std",
    "delay of the reward": "hardware.reward.delay",
}
