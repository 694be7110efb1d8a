"""Does learning the recurrence online help, when the readout is solved recursively either way?  Mackey–Glass whose delay switches.

    python studies/switching.py tune|report [--out studies/results/switching] [--jobs N]

The signal is that of the task `mackey-glass` (15 samples ahead, centred, 1,500 samples dropped), but its delay is 17 and 30 by turns, 500 samples
each. 50 units, x ← (1 − α) x + α tanh(J [x, u, 1]), one pass over 300,000 samples. Both ways the readout is recursive least squares on
f = [x, u, 1], told the target at every step:

    q = P f,  s = 1 + fᵀq,  innovation e = y* − wᵀf;     w += q e/s,  P ← (1 + g) (P − q qᵀ/s)

*Learnt*: K antithetic pairs ±σξ_k (here one) run beside the network; the change of the squared innovation is the reward of a causal trace on whitened
activity,

    δ_k = (e²(+ξ_k) − e²(−ξ_k))/2σ K,   E_k ← λ E_k + ξ_k zᵀ,   G += Σ_k δ_k E_k,   z = [(C + ρI)⁻¹ x, u, 1]

and every 64 steps J ← J − η G/√v, v the running mean of G². η falls along a cosine to 0 at four fifths of the run; the readout goes on. *Frozen*: J
stays. The test is 10,000 samples of another signal with everything fixed. α, g and η are chosen by its loss on seeds 1, 2 and 3, for either way; then
20 others are reported. A seed is network, signals and noise.
"""

from __future__ import annotations

import argparse
import itertools
import time
from collections.abc import Iterable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from hardware_models.numerics.compiled import kernel

UNITS, PAIRS, HORIZON, DROPPED, SWITCH, DELAYS = 50, 1, 15, 1500, 500, (17, 30)
TRAIN, TEST, WRITE = 300_000, 10_000, 64
SIGMA, DECAY, RIDGE, FORGET, MEAN_SQUARE, STOP = 1e-3, 0.9, 3e-3, 0.05, 0.99, 0.8
TUNING, REPORTED = (1, 2, 3), range(4201, 4221)
FROZEN = {"leak": (0.1, 0.2, 0.4), "growth": (1e-4, 3e-4), "rate": (0.0,)}
LEARNT = {"leak": (0.1, 0.2), "growth": (1e-4,), "rate": (3e-4,)}


class Network(NamedTuple):
    """J (n, n + 2);  x (n,), twins (2K, n);  w (n + 2,), P (n + 2, n + 2);  trace (K, n, n + 2), G (n, n + 2), C (n, n) summed;  whiten (n, n)

    f, q, z : (n + 2,) scratch;  a : (n,) scratch
    """

    J: np.ndarray
    x: np.ndarray
    twins: np.ndarray
    w: np.ndarray
    P: np.ndarray
    trace: np.ndarray
    G: np.ndarray
    C: np.ndarray
    whiten: np.ndarray
    f: np.ndarray
    q: np.ndarray
    z: np.ndarray
    a: np.ndarray


@kernel
def fill_signal(past, out, switch, short, long):
    """Euler steps of 0.1, ten a sample, the delay by turns; past : (10 · long,) values before the start, a ring."""
    s, at, ring = past[-1], 0, past.shape[0]
    for k in range(out.shape[0]):
        tau = short if (k // switch) % 2 == 0 else long
        for _ in range(10):
            p = past[(at - 10 * tau) % ring]
            s += 0.1 * (0.2 * p / (1 + p**10) - 0.1 * s)
            past[at % ring] = s
            at += 1
        out[k] = np.tanh(s - 1)


def signal(rng: np.random.Generator, samples: int) -> np.ndarray:
    out = np.empty(DROPPED + samples)
    fill_signal(1.2 + 0.2 * (rng.random(10 * DELAYS[1]) - 0.5), out, SWITCH, *DELAYS)
    return out[DROPPED:] - out[DROPPED:].mean()


@kernel
def move(net, x, u, leak, xi, noise):
    """x ← (1 − α) x + α tanh(J [x, u, 1] + noise ξ), in place."""
    J, a, n = net.J, net.a, x.shape[0]
    for i in range(n):
        total = J[i, n] * u + J[i, n + 1] + noise * xi[i]
        for j in range(n):
            total += J[i, j] * x[j]
        a[i] = total
    for i in range(n):
        x[i] = (1 - leak) * x[i] + leak * np.tanh(a[i])


@kernel
def error(net, x, u, target):
    """e = y* − wᵀ[x, u, 1]"""
    n = x.shape[0]
    e = target - net.w[n] * u - net.w[n + 1]
    for i in range(n):
        e -= net.w[i] * x[i]
    return e


@kernel
def solve(net, u, e, growth):
    """The readout's step of recursive least squares."""
    f, q, P, w, n = net.f, net.q, net.P, net.w, net.x.shape[0]
    for i in range(n):
        f[i] = net.x[i]
    f[n], f[n + 1] = u, 1.0
    s = 1.0
    for i in range(n + 2):
        q[i] = 0.0
        for j in range(n + 2):
            q[i] += P[i, j] * f[j]
        s += q[i] * f[i]
    for i in range(n + 2):
        w[i] += q[i] * e / s
        for j in range(n + 2):
            P[i, j] = (1 + growth) * (P[i, j] - q[i] * q[j] / s)


@kernel
def credit(net, u, target, leak, xi):
    """Every pair moves; traces and the summed estimate of the gradient. Before the network itself moves."""
    n, z, pairs = net.x.shape[0], net.z, xi.shape[0]
    for i in range(n):
        z[i] = 0.0
        for j in range(n):
            z[i] += net.whiten[i, j] * net.x[j]
            net.C[i, j] += net.x[i] * net.x[j]
    z[n], z[n + 1] = u, 1.0
    for k in range(pairs):
        move(net, net.twins[k], u, leak, xi[k], SIGMA)
        move(net, net.twins[pairs + k], u, leak, xi[k], -SIGMA)
        above, below = error(net, net.twins[k], u, target), error(net, net.twins[pairs + k], u, target)
        reward = (above * above - below * below) / (2 * SIGMA * pairs)
        for i in range(n):
            for j in range(n + 2):
                net.trace[k, i, j] = DECAY * net.trace[k, i, j] + xi[k, i] * z[j]
                net.G[i, j] += reward * net.trace[k, i, j]


@kernel
def advance(net, inputs, targets, leak, growth, xi, learning, solving):
    """The summed squared innovation of some steps; xi (T, K, n), of one step where nothing learns."""
    total = 0.0
    for t in range(inputs.shape[0]):
        if learning:
            credit(net, inputs[t], targets[t], leak, xi[t])
        move(net, net.x, inputs[t], leak, xi[0, 0], 0.0)
        e = error(net, net.x, inputs[t], targets[t])
        total += e * e
        if solving:
            solve(net, inputs[t], e, growth)
    return total


def network(rng: np.random.Generator) -> Network:
    n, m = UNITS, UNITS + 2
    J = np.hstack([rng.normal(size=(n, n)) / np.sqrt(n), rng.uniform(-1, 1, (n, 2)) * (1.0, 0.3)])
    zeros = np.zeros
    return Network(
        J, zeros(n), zeros((2 * PAIRS, n)), zeros(m), 100.0 * np.eye(m), zeros((PAIRS, n, m)), zeros((n, m)), zeros((n, n)), np.eye(n),
        zeros(m), zeros(m), zeros(m), zeros(n),
    )  # fmt: skip


def run(seed: int, leak: float, growth: float, rate: float) -> dict:
    """One run; a rate of 0 is a frozen recurrence."""
    rng, start = np.random.default_rng(seed), time.process_time()
    net, trained, tested = network(rng), signal(rng, TRAIN + HORIZON), signal(rng, TEST + HORIZON)
    none, square, C, writes, last = np.zeros((1, 1, UNITS)), np.zeros_like(net.G), np.zeros_like(net.C), 0, 0.0
    for first in range(0, TRAIN, WRITE):
        end = min(first + WRITE, TRAIN)
        learning = rate > 0 and end <= STOP * TRAIN
        xi = rng.normal(size=(WRITE, PAIRS, UNITS)) if learning else none
        given = trained[first:end], trained[first + HORIZON : end + HORIZON]
        loss = advance(net, *given, leak, growth, xi, learning, True)
        last += loss / TEST if first >= TRAIN - TEST else 0.0
        if learning:
            writes += 1
            C += max(FORGET, 1 / writes) * (net.C / (end - first) - C)
            net.whiten[:] = np.linalg.inv(C + RIDGE * np.eye(UNITS))
            square += (1 - MEAN_SQUARE) * (net.G**2 - square)
            eta = rate * 0.5 * (1 + np.cos(np.pi * first / (STOP * TRAIN)))
            net.J[:] -= eta * net.G / (np.sqrt(square / (1 - MEAN_SQUARE**writes)) + 1e-30)
            net.C[:], net.G[:] = 0, 0
    net.x[:] = 0
    advance(net, tested[:200], tested[HORIZON : 200 + HORIZON], leak, growth, none, False, False)
    test = advance(net, tested[200:-HORIZON], tested[200 + HORIZON :], leak, growth, none, False, False) / (TEST - 200)
    way = "learnt" if rate else "frozen"
    seconds = round(time.process_time() - start, 2)
    return {
        "way": way,
        "seed": seed,
        "leak": leak,
        "growth": growth,
        "rate": rate,
        "train": last,
        "test": test,
        "seconds": seconds,
    }


def settings(grid: dict) -> list[tuple]:
    return list(itertools.product(*grid.values()))


def table(jobs: int, asked: Iterable[tuple]) -> pd.DataFrame:
    with ProcessPoolExecutor(jobs) as pool:
        return pd.DataFrame(pool.map(run, *zip(*asked, strict=True)))


def chosen(tried: pd.DataFrame, way: str) -> tuple:
    """The setting with the smallest mean over the tuning seeds."""
    means = tried[tried.way == way].groupby(["leak", "growth", "rate"]).test.mean()
    return tuple(map(float, means.idxmin()))


def interval(difference: np.ndarray, draws: int = 10_000) -> tuple[float, float]:
    """95 % of the mean, by bootstrap over seeds."""
    picked = np.random.default_rng(0).choice(difference, (draws, len(difference)))
    low, high = np.quantile(picked.mean(axis=1), [0.025, 0.975])
    return float(low), float(high)


def main() -> None:
    parser = argparse.ArgumentParser(
        description="Recurrence learnt online beside a frozen one, the readout solved recursively."
    )
    parser.add_argument("what", choices=["tune", "report"])
    parser.add_argument("--out", type=Path, default=Path("studies/results/switching"))
    parser.add_argument("--jobs", type=int, default=2)
    given = parser.parse_args()
    given.out.mkdir(parents=True, exist_ok=True)
    if given.what == "tune":
        asked = [(seed, *one) for one in (*settings(FROZEN), *settings(LEARNT)) for seed in TUNING]
        table(given.jobs, asked).to_csv(given.out / "tuning.csv", index=False)
        return
    tried = pd.read_csv(given.out / "tuning.csv")
    asked = [(seed, *chosen(tried, way)) for way in ("frozen", "learnt") for seed in REPORTED]
    runs = table(given.jobs, asked)
    runs.to_csv(given.out / "runs.csv", index=False)
    wide = runs.pivot(index="seed", columns="way", values="test")
    difference = (wide.learnt - wide.frozen).to_numpy()
    print(wide.mean(), wide.median(), difference.mean(), interval(difference), (difference < 0).sum(), sep="\n")


if __name__ == "__main__":
    main()
