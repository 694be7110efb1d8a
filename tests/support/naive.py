"""The equations of the paper, transcribed as slowly and plainly as they stand; every fast kernel is compared with these.

Source: García Fernández, Keemink, van Gerven, Front. Neurosci. 18:1439155 (2024) and the order of operations recorded in
tests/golden. W[i, j] is from j to i; batches are rows.
"""

from __future__ import annotations

import numpy as np


def forward(u, xh, D_in, D_rec, W_in, W_rec, W_out, sigma_xi=0.0, sigma_xi_y=0.0):
    """One step: pre-activation, decorrelated state, output (learning-rules §1)."""
    uh = u @ D_in.T
    a = uh @ W_in.T + xh @ W_rec.T + sigma_xi
    xh_new = np.tanh(a) @ D_rec.T
    return uh, a, xh_new, xh_new @ W_out.T + sigma_xi_y


def decorrelation_step(D, xh):
    """offdiag(x̂ᵀx̂/B) D."""
    C = xh.T @ xh / len(xh)
    return (C - np.diag(np.diag(C))) @ D


def published(case: dict) -> dict:
    """One presentation of a recorded case (tests/golden, learning-rules §2): the weights after it."""
    meta = case["meta"]
    rule, online = meta["rule"], meta["schedule"] == "online"
    eta, sigma, eps = meta["learning_rate"], meta["noise_std"], meta["decorrelation_rate"]
    u, target = case["inputs"], case["targets"]
    W = {k: case["before_" + k].copy() for k in ("W_in", "W_rec", "W_out", "D_in", "D_rec")}
    T, B, n_in = u.shape
    n, n_out = len(W["W_rec"]), target.shape[2]
    N = n_in + n + n_out

    if not online and eps > 0:
        D_in, D_rec = np.zeros_like(W["D_in"]), np.zeros_like(W["D_rec"])
        xh = np.zeros((B, n))
        for t in range(T):
            uh, _, xh, _ = forward(u[t], xh, W["D_in"], W["D_rec"], W["W_in"], W["W_rec"], W["W_out"])
            D_in += decorrelation_step(W["D_in"], uh)
            D_rec += decorrelation_step(W["D_rec"], xh)
        if meta["decorrelate_input"]:
            W["D_in"] -= eps * D_in / T
        W["D_rec"] -= eps * D_rec / T

    xh = np.zeros((B, n))
    xh_noisy = np.zeros((B, n))
    sums = {k: np.zeros_like(W[k]) for k in ("W_in", "W_rec", "W_out")}
    for t in range(T):
        D_in, D_rec = W["D_in"], W["D_rec"].copy()
        weights = (W["W_in"], W["W_rec"], W["W_out"])
        uh, a, xh_new, y = forward(u[t], xh, D_in, D_rec, *weights)
        if rule == "WP":
            offsets = [sigma * case["noise_" + k][t] for k in ("W_in", "W_rec", "W_out")]
            _, a2, xh2, y2 = forward(
                u[t], xh_noisy, D_in, D_rec, *(w + o for w, o in zip(weights, offsets, strict=True))
            )
        else:
            xi, xi_y = sigma * case["noise_hidden"][t], sigma * case["noise_output"][t]
            _, a2, xh2, y2 = forward(u[t], xh_noisy, D_in, D_rec, *weights, xi, xi_y)
        dL = np.mean((y2 - target[t]) ** 2) - np.mean((y - target[t]) ** 2)
        if rule == "WP":
            step = {k: -eta * dL / sigma * o for k, o in zip(("W_in", "W_rec", "W_out"), offsets, strict=True)}
        else:
            if rule == "NP":
                p, p_y = xi / sigma, xi_y / sigma
            else:
                da, dy = a2 - a, y2 - y
                p, p_y = np.sqrt(N) * da / np.sum(da**2), np.sqrt(N) * dy / np.sum(dy**2)
                if online:
                    p, p_y = p / B, p_y / B
            step = {"W_in": -eta * dL * p.T @ uh, "W_rec": -eta * dL * p.T @ xh, "W_out": -eta * dL * p_y.T @ xh_new}
        if t == 0:
            step["W_rec"] = np.zeros_like(W["W_rec"])
        if online:
            if eps > 0:
                W["D_rec"] = D_rec - eps * decorrelation_step(D_rec, xh_new)
            for k in step:
                W[k] = W[k] + step[k]
        else:
            for k in step:
                sums[k] += step[k]
        xh, xh_noisy = xh_new, xh2
    for k in sums:
        W[k] = W[k] + sums[k]
    return W


# ----------------------------------------------------------------------------------------------------------------------
# Any point of the grid of rules (learning-rules §4), one presentation


def loss_of(y, target, kind):
    """The loss of every trial: mean squared error over outputs, or cross-entropy."""
    if kind == "mse":
        return np.mean((y - target) ** 2, axis=-1)
    return -np.sum(target * (y - np.log(np.sum(np.exp(y), axis=-1, keepdims=True))), axis=-1)


def normalised(rule, p, sizes, variance):
    """The post-synaptic factor of a perturbation p (B, units), and the running estimates after it."""
    kind, sigma = rule.normaliser.kind, rule.noise_std
    if kind == "noise_std":
        return p / sigma, variance
    if kind == "noise_variance":
        return p / sigma**2, variance
    if kind == "running_variance":
        return p / variance, variance + rule.normaliser.rate * (np.mean(p**2, axis=0) - variance)
    axis = None if rule.broadcast == "batch" else 1
    norm = np.sum(p**2, axis=axis, keepdims=True)
    gain = np.sqrt(sum(sizes)) if rule.normaliser.gain == "network" else p.size // norm.size
    return np.divide(gain * p, norm, out=np.zeros_like(p), where=norm > 0), variance


def factor(rate, done):
    """The learning-rate schedule at a fraction of the run."""
    if rate.kind == "cosine":
        return rate.final + (1 - rate.final) * (1 + np.cos(np.pi * done)) / 2
    return rate.final**done if rate.kind == "exponential" else 1.0


ACTIVATIONS = {
    "tanh": np.tanh,
    "relu": lambda a: np.maximum(a, 0),
    "leaky-relu": lambda a: np.where(a > 0, a, 0.01 * a),
    "sigmoid": lambda a: 1 / (1 + np.exp(-a)),
    "hard-tanh": lambda a: np.clip(a, -1, 1),
    "identity": lambda a: a,
}


def learn(
    network, rule, initial, sequence, draws, *, schedule="online", decorrelation=None, loss="mse", resynchronise=0,
    frozen=(), total_steps=None,
):  # fmt: skip
    """The weights after one presentation, by name, and the twin distance ‖δx‖/σ of every trial at its end.

    draws : standard draws; ``hidden`` (T, B, n) and ``output`` (T, B, n_out), or for weight noise one (…, B, n, m) a
        matrix: redrawn at every step (T, 1, n, m), held for the episode (1, 1, n, m) or for each trial (1, B, n, m)
    """
    W = {name: np.array(w, float) for name, w in initial._asdict().items()}
    T, B, n_in = sequence.inputs.shape
    n, n_out = len(W["W_rec"]), sequence.targets.shape[2]
    learnt = ("W_in", "W_rec", "W_out")
    online, alpha, sigma, eta = schedule == "online", network.leaks, rule.noise_std, rule.learning_rate
    pair, weight_noise = rule.baseline.kind == "antithetic", rule.probe.kind == "weights"
    decay = rule.credit.decay if rule.credit.kind == "trace" else 0.0
    eps = decorrelation.rate if decorrelation else 0.0
    learns_d = [k for k, on in (("D_in", eps and decorrelation.input), ("D_rec", eps and decorrelation.state)) if on]
    ones = np.ones((B, 1)) if network.bias else np.ones((B, 0))

    def passed(x, xh, uh, w_in, w_rec, w_out, noise, noise_y):
        """One step of one pass; weights (B, n, m), one a trial."""
        a = np.einsum("bij,bj->bi", w_in, uh) + np.einsum("bij,bj->bi", w_rec, xh) + noise
        x = (1 - alpha) * x + alpha * ACTIVATIONS[network.activation.kind](a)
        xh = x @ W["D_rec"].T
        return a, x, xh, np.einsum("bij,bj->bi", w_out, xh) + noise_y

    def each(shift=0.0, h=0):
        return [np.broadcast_to(W[k] + (shift[k] * h if h else 0), (B, *W[k].shape)) for k in learnt]

    if not online and learns_d:
        x, xh, sums = np.zeros((B, n)), np.zeros((B, n)), dict.fromkeys(learns_d, 0.0)
        for t in range(T):
            if sequence.reset[t]:
                x, xh = 0 * x, 0 * xh
            du = sequence.inputs[t] @ W["D_in"].T
            _, x, xh, _ = passed(x, xh, np.hstack([du, ones]), *each(), 0, 0)
            for k in learns_d:
                sums[k] += decorrelation_step(W[k], du if k == "D_in" else xh)
        for k in learns_d:
            W[k] -= eps * sums[k] / T

    x, xh = np.zeros((2, B, n)), np.zeros((2, B, n))
    variance, variance_y = np.full(n, sigma**2), np.full(n_out, sigma**2)
    trace = {k: np.zeros((B, *W[k].shape)) for k in learnt}
    square, writes = {k: np.zeros_like(W[k]) for k in learnt}, dict.fromkeys(learnt, 0)
    mean = {k: np.zeros_like(W[k]) for k in learnt}
    largest = {k: np.zeros_like(W[k]) for k in learnt}
    total = {k: np.zeros_like(W[k]) for k in learnt}

    def write(k, g, rate):
        if k in frozen:
            return
        writes[k] += 1
        if rule.step.kind == "momentum":
            mean[k] = rule.step.decay * mean[k] + g
            g = mean[k]
        if rule.step.kind == "adam":
            step, age = rule.step, writes[k]
            mean[k] = step.first * mean[k] + (1 - step.first) * g
            square[k] = step.second * square[k] + (1 - step.second) * g**2
            size = np.sqrt(1 - step.second**age) / (1 - step.first**age)
            g = size * mean[k] / (np.sqrt(square[k]) + step.epsilon)
        if rule.step.kind == "largest-rms":
            beta = rule.step.decay
            square[k] = beta * square[k] + (1 - beta) * g**2
            largest[k] = np.maximum(largest[k], square[k])
            root = np.sqrt(largest[k] / (1 - beta ** writes[k]))
            g = np.divide(g, root, out=np.zeros_like(g), where=root > 0)
        if rule.step.kind in ("rms", "bounded-rms"):
            beta = rule.step.decay
            square[k] = beta * square[k] + (1 - beta) * g**2
            root = np.sqrt(square[k] / (1 - beta ** writes[k]))
            g = np.divide(g, root, out=np.zeros_like(g), where=root > 0)
            g = np.clip(g, -rule.step.bound, rule.step.bound) if rule.step.kind == "bounded-rms" else g
        W[k] = W[k] + rate * g

    for t in range(T):
        if sequence.reset[t]:
            x, xh, trace = 0 * x, 0 * xh, {k: 0 * e for k, e in trace.items()}
        elif resynchronise and t % resynchronise == 0:
            x, xh = (np.broadcast_to(s.mean(0) if pair else s[0], s.shape) for s in (x, xh))
        du = sequence.inputs[t] @ W["D_in"].T
        uh = np.hstack([du, ones])
        if weight_noise:
            at = t if rule.probe.hold == "step" else 0
            told, xi, xi_y = {k: sigma * draws[k][at] for k in learnt}, np.zeros((B, n)), np.zeros((B, n_out))
        else:
            told, xi, xi_y = None, sigma * draws["hidden"][t], sigma * draws["output"][t]
        before = xh
        sides = [
            passed(x[h], xh[h], uh, *each(told, s if told else 0), s * xi, s * xi_y)
            for h, s in enumerate((-1 if pair else 0, 1))
        ]
        a, x, xh, y = (np.stack(parts) for parts in zip(*sides, strict=True))

        def centre(s):
            return s.mean(0) if pair else s[0]

        def delta(s):
            return (s[1] - s[0]) / 2 if pair else s[1] - s[0]

        dL = delta(np.stack([loss_of(side, sequence.targets[t], loss) for side in y]))
        dL = np.where(sequence.mask[t], dL, 0.0)
        if rule.broadcast == "batch":
            dL = np.full(B, dL.mean())
        pooled = weight_noise and rule.probe.hold != "trial"
        r = -dL / (B if rule.batch_divisor == "mean" or pooled else 1)
        if weight_noise:
            g = {k: np.einsum("b,bij->ij", r, np.broadcast_to(told[k], (B, *W[k].shape))) for k in learnt}
            g = {k: g[k] / (sigma**2 if rule.normaliser.kind == "noise_variance" else sigma) for k in learnt}
        else:
            activity = rule.probe.kind == "activity"
            post, variance = normalised(rule, delta(a) if activity else xi, (n_in, n, n_out), variance)
            post_y, variance_y = normalised(rule, delta(y) if activity else xi_y, (n_in, n, n_out), variance_y)
            for k, p, pre, keep in (
                ("W_in", post, uh, decay),
                ("W_rec", post, centre(before), decay),
                ("W_out", post_y, centre(xh), 0),
            ):
                trace[k] = keep * trace[k] + np.einsum("bi,bj->bij", p, pre)
            g = {k: np.einsum("b,bij->ij", r, trace[k]) for k in learnt}
        if sequence.reset[t]:
            g["W_rec"] = 0 * g["W_rec"]  # nothing was read from before the step
        rate = eta * factor(rule.rate, (t + 1) / (total_steps or T))
        if online:
            for k in learns_d:
                W[k] = W[k] - eps * decorrelation_step(W[k], du if k == "D_in" else centre(xh))
            for k in learnt:
                if r.any() and not (weight_noise and k == "W_rec" and sequence.reset[t]):
                    write(k, g[k], rate)
        else:
            for k in learnt:
                total[k] += g[k]
    if not online:
        for k in learnt:
            write(k, total[k], rate)
    return W, np.linalg.norm(x[1] - x[0], axis=1) / sigma
