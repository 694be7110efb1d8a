"""Words of reports and figures, and of the field, in a sentence or two each; and what users may call a setting."""

from __future__ import annotations

WORDS = {  # names that share a text are divided by commas
    "accuracy": "share of the trials whose class is reported rightly; the largest output is the answer.",
    "alignment": "cosine between the update of a rule and the exact gradient, per sample or in the mean over many; `neuroperturb "
    "align` measures it.",
    "alone": "in the table of an ablation: the loss with this non-ideality and no other.",
    "ANP": "activity-based node perturbation: the difference of activity between a noisy and a clean pass stands for the "
    "noise, so that noise of the hardware itself can be learned from.",
    "antithetic": "two passes with the perturbation and its negative; half their difference of loss is broadcast.",
    "asymmetry": "(step up − step down) / (step up + step down) of a cell; requests that cancel in the mean still pull its weight "
    "to where both are equal.",
    "at bound": "share of the cells that stand at the end of their range, and can be moved in one direction only.",
    "baseline": "what a loss is compared with before it is broadcast: a clean twin, an antithetic pass, a running mean. In tables "
    "also: what a rule is compared with (guessing, persistence, ridge regression, an echo state network, the exact "
    "gradient).",
    "broadcast": "the one number that all synapses receive: the change of the loss, for each trial or once for a batch.",
    "cells": "in the table of matrices: the cell model that holds them.",
    "clipped": "a weight beyond what the mean cell can hold, or a read beyond the range of its converter.",
    "closed loop": "a writing that reads cells back: what they did not do of a request is kept digitally and sent again.",
    "columns read": "reads of an array with one column of inputs; a trial in a batch, and each twin, is a column of its own.",
    "conversions": "inputs through a DAC and outputs through an ADC, together.",
    "costs": "in the table of an ablation: how much the loss rises by this non-ideality alone.",
    "credited": "share of all perturbation of a layer, that of the hardware included, that its synapses are told of. The rest "
    "makes the estimate noisier, by 1/credited in variance.",
    "dead": "units whose state does not change although they are perturbed; of the output, trials whose reward is exactly 0.",
    "device units": "weights as cells hold them, mostly from −1 to 1; times `weight_scale` they are weights of the network.",
    "digital": 'cells of a digital memory: weights of so many bits, `hardware.cells.kind = "digital"`. Presets are digital-8, '
    "digital-6, digital-4.",
    "dW_in, dW_rec, dW_out": "Frobenius norm of the change of a matrix over an epoch.",
    "echo state": "a fixed random recurrent network with a readout by ridge regression: what a recurrence can do that is not "
    "learned.",
    "endurance used": "pulses of the most-written cell, divided by the number that such cells are published to survive.",
    "energy": "of all writes, reads and conversions of a run: low – typical – high, from published estimates of the technology. "
    "What it leaves out is said in the ledger of an array as 'not modelled'.",
    "epoch": "a pass over the training data.",
    "error bits": "sequences or bits that are reported wrongly, as a share.",
    "exact gradient": "backpropagation through time: what perturbation rules estimate.",
    "fidelity": "squared cosine between the summed requests and what cells realised of them: the share of the weight change that "
    "was asked for.",
    "forgets": "how often cells forget their weights in a run, by asymmetric pulses that cancel: above 1.5 learning is in doubt.",
    "frozen": "the same rule with W_in and W_rec as they began: what the readout alone can do. A rule that is no better has "
    "learned nothing in the recurrence.",
    "given up": "cells that programming did not bring to their weight within its limit of pulses.",
    "granule": "the unit in which a digital accumulator sends requests on to cells.",
    "guessing": "the best constant output; 1 on tasks with targets ±1.",
    "layer": "hidden: the recurrent units; output: the readout.",
    "ledger": "all that arrays did in a run: updates, pulses, reads, conversions, and their energy, time and wear, as low, "
    "typical and high values.",
    "like": "in the table of a rule of one's own, or as `--set rule.like=np-trace`: probe, normaliser, baseline, noise, step, "
    "σ and η as that preset has them, so that both differ in their formulas alone.",
    "loss SNR": "change of the loss that a layer's credited perturbation explains, over all other change of the loss.",
    "matrix": "W_in, from inputs to units; W_rec, from units to units; W_out, from units to outputs; D_in, D_rec and P as "
    "learned beside them.",
    "NMSE": "mean squared error, divided by the variance of the target: 1 is the mean of the data.",
    "NP": "node perturbation: noise on pre-activations, correlated with the change of the loss.",
    "NP+P": "the rule np-p: node perturbation with a causal trace on activity that P whitens.",
    "P": "an estimate of the inverse covariance of presynaptic activity; with it, a rule descends along whitened activity "
    "(`np-p`, `anp-p`).",
    "persistence": "the last value that was seen, as a forecast.",
    "probe": "what a rule perturbs (units, weights), and what of it synapses are told.",
    "pulses": "all pulses of a run, up and down, over all cells.",
    "pulses/cell": "pulses up and down of a cell over the run, in the mean over its matrix; in `energy` and wear they count one by "
    "one.",
    "read-back": "a read of cells that were just written.",
    "regains": "in the table of an ablation: how much the loss falls where this non-ideality alone is taken away.",
    "removed": "in the table of an ablation: the loss with all non-idealities but this one.",
    "request": "the change of a weight that a rule asks for in one write.",
    "request/step": "rms request, divided by the step of a pulse; below 1 most requests produce no pulse, and are rounded at random "
    "or kept digitally.",
    "residual": "what was requested of a cell and has not been done; a closed loop keeps it digitally.",
    "ridge": "linear regression from present and past inputs, with a penalty on the weights: what needs no recurrence.",
    "seconds": "time of training, without compilation.",
    "settings": "in the table of losses: what was chosen for this row by validation loss, such as a learning rate.",
    "several cells": "a weight shared by several devices that are pulsed in turn: steps and write noise are divided by their number.",
    "skipped": "layers whose perturbation was too small to divide by, in which a step was not learned from.",
    "solved": "seeds of a study whose test loss on delayed XOR ends below 0.5, where guessing is 1.",
    "source": "in the table of an ablation: the non-ideality.",
    "spectral radius": "largest magnitude of an eigenvalue of W_rec: above 1 activity may grow by itself.",
    "step": "the change of a cell by one pulse; at w = 0 unless stated. In the table of epochs: time steps trained on so far.",
    "stuck": "share of the cells that can no longer change, from fabrication on, by wear or by failure.",
    "symmetry point": "the weight at which pulses up and down move a cell equally far.",
    "test": "loss on data that nothing was learned from or chosen by.",
    "time": "of all writes, reads and conversions of a run, summed over arrays: low – typical – high, by what an array does at once.",
    "trace": "a running sum of presynaptic activity times perturbation, kept by every synapse, so that a later reward finds "
    "it.",
    "train loss": "mean loss of training in the epoch.",
    "twin": "the clean pass beside a perturbed one, with the same input.",
    "twin distance": "mean distance between the states of the noisy and of the clean pass, over σ: large where the network is chaotic.",
    "unbiased": "a form of NP and WP: divided by σ², each trial credited with its own loss, so that the mean update is the "
    "gradient. The other form is 'published'.",
    "updates": "writes of a whole matrix, that of a time step or of a batch.",
    "validation, validation loss": "loss on data that settings are chosen by, and that nothing is learned from.",
    "verdict": "the sentence at the end: whether the run learned more than a constant output and than its frozen control, and "
    "what of the hardware limits it.",
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


def words() -> dict[str, str]:
    """Every word with its entry in `WORDS`."""
    return {name: entry for entry in WORDS for name in entry.split(", ")}
