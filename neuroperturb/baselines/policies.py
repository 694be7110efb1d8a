"""Policies for a world that no perturbation rule trains: a linear one and a recurrent one, tuned by an evolution strategy.

    θ ← θ + η/(2mσ) Σ_i (F(θ + σε_i) − F(θ − σε_i)) ε_i,    F the ranks of the returns, on −½ … ½

T. Salimans, J. Ho, X. Chen, S. Sidor, I. Sutskever, "Evolution strategies as a scalable alternative to reinforcement learning",
arXiv:1703.03864 (2017), algorithm 1, with mirrored sampling and rank shaping (§2.1). All 2m candidates of a generation meet the same trials.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import NamedTuple, Protocol

import numpy as np

from neuroperturb.network.rnn import RNN, initial_weights
from neuroperturb.tasks.contract import Sequence
from neuroperturb.tasks.worlds.contract import LEARN, CompiledWorld
from neuroperturb.tasks.worlds.environment import Play
from neuroperturb.tasks.worlds.task import WorldTrials

PAIRS, TRIALS = 16, 4  # mirrored pairs of a generation, and trials of each candidate


class Policy(Protocol):
    """A family of policies with a vector of parameters each."""

    @property
    def start(self) -> np.ndarray:
        """The parameters that a search begins with, (d,)."""
        ...

    def memory(self, policies: int, trials: int) -> np.ndarray:
        """What P policies remember at the start of K trials, (P, K, n)."""
        ...

    def act(self, theta: np.ndarray, memory: np.ndarray, seen: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        """Outputs (P, K, n_out), and what is remembered, of parameters (P, d) that see (P, K, n_in)."""
        ...


class Linear(NamedTuple):
    """y = A u + b: no memory, so that what is hidden remains hidden."""

    n_in: int
    n_out: int

    @property
    def start(self) -> np.ndarray:
        return np.zeros(self.n_out * (self.n_in + 1))

    def memory(self, policies: int, trials: int) -> np.ndarray:
        return np.zeros((policies, trials, 0))

    def act(self, theta, memory, seen):
        A = theta.reshape(len(theta), self.n_out, self.n_in + 1)
        return np.einsum("poi,pki->pko", A[:, :, :-1], seen) + A[:, None, :, -1], memory


class Recurrent(NamedTuple):
    """The network of a run, from its initial weights: x ← (1 − α) x + α tanh(W_in u + W_rec x), y = W_out x."""

    network: RNN
    n_in: int
    n_out: int
    seed: int

    @property
    def start(self) -> np.ndarray:
        weights = initial_weights(self.network, self.n_in, self.n_out, self.seed)
        return np.concatenate([weights.W_in.ravel(), weights.W_rec.ravel(), weights.W_out.ravel()])

    def memory(self, policies: int, trials: int) -> np.ndarray:
        return np.zeros((policies, trials, self.network.size))

    def act(self, theta, memory, seen):
        n, m, alpha = self.network.size, self.n_in + self.network.bias, self.network.leak
        shapes = (n, m), (n, n), (self.n_out, n)
        cuts = np.cumsum([a * b for a, b in shapes])[:-1]
        W_in, W_rec, W_out = (w.reshape(len(theta), *s) for w, s in zip(np.split(theta, cuts, 1), shapes, strict=True))
        u = np.concatenate([seen, np.ones((*seen.shape[:2], m - self.n_in))], axis=2)
        a = u @ W_in.transpose(0, 2, 1) + memory @ W_rec.transpose(0, 2, 1)
        x = (1 - alpha) * memory + alpha * np.tanh(a)
        return x @ W_out.transpose(0, 2, 1), x


def play(world: CompiledWorld, policy: Policy, theta: np.ndarray, seed: int, trials: Iterable[int]) -> np.ndarray:
    """Returns (P, K) of P policies, parameters (P, d), in the same K trials by number."""
    numbers, policies = np.asarray(list(trials)), len(theta)
    played, shape = Play(world, seed, np.tile(numbers, policies)), (policies, len(numbers))
    memory, total = policy.memory(*shape), np.zeros(shape)
    for _ in range(world.steps):
        y, memory = policy.act(theta, memory, played.state.seen.reshape(*shape, -1))
        total += played.act(y.reshape(-1, y.shape[2])).reshape(shape)
        if played.state.done.all():
            break
    return total


class Evolution(NamedTuple):
    """What a search found.  theta : parameters;  trials : trials it took;  returns : mean return of each generation"""

    theta: np.ndarray
    trials: int
    returns: np.ndarray


def evolve(data: WorldTrials, policy: Policy, trials: int, *, rate: float = 0.1, spread: float = 0.1) -> Evolution:
    """Tune a policy by the evolution strategy.

    Parameters
    ----------
    data : dataset of a world
    policy : Policy
    trials : number of trials that it may take
    rate, spread : η, in units of σ, and σ of the search
    """
    rng = np.random.default_rng(np.random.SeedSequence([data.seed, len(policy.start)]))
    theta, each, returns = policy.start.copy(), 2 * PAIRS * TRIALS, []
    for generation in range(max(1, trials // each)):
        epsilon = rng.standard_normal((PAIRS, len(theta)))
        candidates = theta + spread * np.concatenate([epsilon, -epsilon])
        first = LEARN + generation * TRIALS
        found = play(data.world, policy, candidates, data.seed, range(first, first + TRIALS)).mean(axis=1)
        returns.append(found.mean())
        ranks = _ranks(found)
        theta = theta + rate * spread * (ranks[:PAIRS] - ranks[PAIRS:]) @ epsilon
    return Evolution(theta, len(returns) * each, np.array(returns))


def _ranks(values: np.ndarray) -> np.ndarray:
    """Ranks on −½ … ½; equal values share theirs."""
    _, place, count = np.unique(values, return_inverse=True, return_counts=True)
    middle = np.cumsum(count) - (count + 1) / 2
    return middle[place] / (len(values) - 1) - 0.5


RATES, SPREADS = (0.05, 0.2), (0.1, 0.3)  # searched on validation trials


def searched(data: WorldTrials, policy: Policy, trials: int) -> dict:
    """The row of the best of four searches, each of them with so many trials: losses of validation and test, and its settings."""
    rows = []
    for rate in RATES:
        for spread in SPREADS:
            theta = evolve(data, policy, trials, rate=rate, spread=spread).theta[None]
            rows.append((_loss(data, policy, theta, data.validation), f"rate {rate:g}, σ {spread:g}", theta))
    loss, settings, theta = min(rows, key=lambda row: row[0])
    return {"validation": loss, "test": _loss(data, policy, theta, data.test), "settings": settings}


def _loss(data: WorldTrials, policy: Policy, theta: np.ndarray, sequence: Sequence) -> float:
    return float(data.ceiling - play(data.world, policy, theta, data.seed, sequence.condition[0]).mean())
