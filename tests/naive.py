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
            _, a2, xh2, y2 = forward(u[t], xh_noisy, D_in, D_rec, *(w + o for w, o in zip(weights, offsets, strict=True)))
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
