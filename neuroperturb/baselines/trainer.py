"""Training by backpropagation through time, with the schedules a perturbation rule is compared under.

| schedule | window | chunk | one update |
|---|---|---|---|
| episode | None or k | None | per sequence, BPTT or BPTT(k) |
| either | None or k | c | per c steps: the state crosses the cut, the gradient does not |
| online | k | None | per step, ∂L_t through the last k steps; k = 1 is the published "BP" |

The state is carried from sequence to sequence; where a sequence starts afresh, its own reset says so.  Where nothing
was scored there is no update, and the optimiser does not age.
"""

from __future__ import annotations

from functools import cache
from typing import Literal, NamedTuple

import numpy as np
from pydantic import Field

from hardware_models.numerics.compiled import kernel
from neuroperturb.baselines.bptt import Gradients, add_scaled, gradient, loss_step
from neuroperturb.baselines.forward import (
    State,
    Weights,
    blocks,
    copy_rows,
    is_decorrelated,
    leak_pair,
    leaky_step,
    prepare,
    presented,
    product,
    product_back,
    run_clean,
    trajectory,
)
from neuroperturb.baselines.optimisers import Adam, AnyOptimiser, Numbers, OptimiserState
from neuroperturb.spec import Spec, SpecError
from neuroperturb.tasks.contract import Dataset, Sequence

TRAINED = ("W_in", "W_rec", "W_out")


class Bptt(Spec):
    """Backpropagation through time as a learning rule.

    window : k, how many steps back each loss is differentiated; None for all of them
    chunk : steps between updates and cuts of the gradient; None updates at every step (online) or sequence (episode)
    optimiser : Sgd, Rms or Adam
    decorrelation_rate : ε of D ← D − ε [offdiag(x̂ᵀx̂/B)] D; with window 1 online this is the published "DBP"
    """

    name: Literal["bptt"] = "bptt"
    window: int | None = Field(None, ge=1)
    chunk: int | None = Field(None, ge=1)
    optimiser: AnyOptimiser = Adam()
    decorrelation_rate: float = Field(0.0, ge=0)


class Memory(NamedTuple):
    """What the last k steps left for the gradient, and the state; arrays written in place, step t in slot t mod k.

    drive (k, B, m) û; previous (k, B, n) x̂ of the step before; slope (k, B, n) α f'(a); g_a (k, B, n) work space;
    place (2,) newest slot and how many are live; x, xhat (B, n)
    """

    drive: np.ndarray
    previous: np.ndarray
    slope: np.ndarray
    g_a: np.ndarray
    place: np.ndarray
    x: np.ndarray
    xhat: np.ndarray


class Settings(NamedTuple):
    """Constants of the online loop, in the dtype of the run: kernels then stay in it."""

    cross_entropy: bool
    decorrelated: bool
    alpha: float
    keep: float  # 1 − alpha
    rate: float  # decorrelation, over the batch size
    clip: float  # inf: never
    one: float


class BpttTrainer:
    """A network, a dataset and a :class:`Bptt` rule; each call to :meth:`batch` learns from one training sequence.

    Nothing here draws random numbers: the seeds are those of the weights and of the dataset.

    Parameters
    ----------
    weights : Weights, presynaptic-major; copied; their dtype is the dtype of the run
    dataset : Dataset
    rule : Bptt
    leak, bias : of the network
    schedule : "online" or "episode"
    frozen : names out of W_in, W_rec, W_out that keep their values

    Attributes
    ----------
    weights : Weights, as learnt so far
    state : State of the network after the last training step
    number : int, how many training sequences were presented by :meth:`epoch`
    """

    def __init__(
        self,
        weights: Weights,
        dataset: Dataset,
        rule: Bptt,
        *,
        leak: float = 1.0,
        bias: bool = False,
        schedule: Literal["online", "episode"] = "online",
        frozen: tuple[str, ...] = (),
    ):
        for name in frozen:
            if name not in TRAINED:
                raise _refused("frozen", f"hold names out of {', '.join(TRAINED)}", name)
        if schedule not in ("online", "episode"):
            raise _refused("schedule", "be 'online' or 'episode'", schedule)
        if schedule == "online" and rule.window is None and rule.chunk is None:
            raise SpecError(
                "The 'window' or the 'chunk' parameter of Bptt must be given in the online schedule. Got neither."
            )
        self.weights = Weights(*(np.array(matrix, weights.w_rec.dtype, order="C") for matrix in weights))
        self.dataset, self.rule, self.leak, self.bias, self.schedule = dataset, rule, leak, bias, schedule
        self.trained = tuple(name not in frozen for name in TRAINED)
        self.state: State | None = None
        self.number = 0
        self.optimiser_state = rule.optimiser.init(self.weights[:3])
        self._memory: Memory | None = None

    def epoch(self) -> float:
        """Learn from the next `batches_per_epoch` training sequences; returns the mean of their losses."""
        count = self.dataset.batches_per_epoch
        total = 0.0
        for _ in range(count):
            total += self.batch(self.number)
            self.number += 1
        return total / count

    def batch(self, number: int) -> float:
        """Learn from training sequence `number`; returns its mean loss while learning, over scored steps and trials."""
        sequence = self.dataset.batch(number)
        if self.rule.chunk is None and self.schedule == "online":
            return self._online(sequence)
        total = 0.0
        for _, piece in blocks(sequence, self.rule.chunk or max(len(sequence.inputs), 1)):
            total += self._piece(piece) * int(piece.mask.sum())
        return total / max(int(sequence.mask.sum()), 1)

    def score(self, part: Literal["validation", "test"] = "validation") -> dict[str, float]:
        """The dataset's metrics of the network as it is, run from zero state."""
        sequence = getattr(self.dataset, part)
        return self.dataset.metrics(run_clean(self.weights, sequence, leak=self.leak, bias=self.bias)[0], sequence)

    def checkpoint(self) -> dict[str, np.ndarray]:
        """Copies of all state, by name; :meth:`restore` goes on from them, bit for bit."""
        updates, *moments = self.optimiser_state
        kept = {f"weights.{k}": m for k, m in enumerate(self.weights)} | {"number": self.number, "updates": updates}
        for name, arrays in (
            ("first", moments[0]),
            ("second", moments[1]),
            ("state", self.state),
            ("memory", self._memory),
        ):
            kept |= {f"{name}.{k}": a for k, a in enumerate(arrays or ())}
        return {name: np.array(value) for name, value in kept.items()}

    def restore(self, kept: dict[str, np.ndarray]) -> None:
        """Put a checkpoint back."""

        def arrays(name, like):
            found = [
                np.array(kept[f"{name}.{k}"])
                for k in range(len(like._fields if hasattr(like, "_fields") else like))
                if f"{name}.{k}" in kept
            ]
            return found or None

        self.weights = Weights(*arrays("weights", Weights))
        self.number = int(kept["number"])
        moments = (tuple(arrays(name, self.weights[:3]) or ()) for name in ("first", "second"))
        self.optimiser_state = OptimiserState(int(kept["updates"]), *moments)
        state, memory = arrays("state", State), arrays("memory", Memory)
        self.state = State(*state) if state else None
        self._memory = Memory(*memory) if memory else None

    def _piece(self, piece: Sequence) -> float:
        """One gradient of fixed weights, one update."""
        if self.rule.decorrelation_rate:
            self._decorrelate(piece)
        loss, gradients, _, self.state = gradient(
            self.weights,
            piece,
            loss=self.dataset.loss,
            window=self.rule.window,
            leak=self.leak,
            bias=self.bias,
            state=self.state,
        )
        if piece.mask.any():
            kept = zip(gradients, self.trained, strict=True)
            gradients = Gradients(*(g if on else np.zeros_like(g) for g, on in kept))
            with np.errstate(over="ignore", invalid="ignore"):
                self.optimiser_state, changes = self.rule.optimiser.update(self.optimiser_state, gradients)
                for matrix, change in zip(self.weights[:3], changes, strict=True):
                    matrix += change
        return loss

    def _decorrelate(self, piece: Sequence) -> None:
        """A clean pass first and one write of its per-step updates: their sum; by episode their mean, and D_in."""
        weights, state = prepare(self.weights, piece, self.bias, self.state)
        u, _, xhat, _ = trajectory(weights, piece, self.leak, self.bias, state)
        episode = self.schedule == "episode"
        rate = self.rule.decorrelation_rate / (len(u) if episode else 1) / u.shape[1]
        pairs = [(self.weights.d_rec, xhat), (self.weights.d_in, u[..., : len(self.weights.d_in)])]
        for d, signal in pairs if episode else pairs[:1]:
            decorrelate(d, np.ascontiguousarray(signal.reshape(-1, signal.shape[-1])), d.dtype.type(rate))

    def _online(self, sequence: Sequence) -> float:
        """One update per step, in the compiled loop, a block of steps a call."""
        rule, optimiser, dtype = self.rule, self.rule.optimiser, self.weights.w_rec.dtype
        memory = self._remember(sequence)
        loop = _online_loop(optimiser.formula)
        alpha, keep = leak_pair(self.leak, dtype)
        clip = dtype.type(np.inf if optimiser.clip_norm is None else optimiser.clip_norm)
        settings = Settings(
            self.dataset.loss == "cross_entropy",
            bool(rule.decorrelation_rate) or is_decorrelated(self.weights),
            alpha,
            keep,
            dtype.type(rule.decorrelation_rate / sequence.inputs.shape[1]),
            clip,
            dtype.type(1),
        )
        total = 0.0
        for _, piece in blocks(sequence):
            updates, first, second = self.optimiser_state
            numbers = np.array([optimiser.numbers(updates + 1 + t) for t in range(len(piece.inputs))], dtype)
            u = np.ascontiguousarray(presented(self.weights, piece.inputs, self.bias))
            targets = np.ascontiguousarray(piece.targets, dtype)
            parts = (u, targets, np.ascontiguousarray(piece.mask), np.ascontiguousarray(piece.reset))
            with np.errstate(over="ignore", invalid="ignore"):  # only heard with the JIT off
                loss, done = loop(*parts, self.weights, first, second, self.trained, numbers, memory, settings)
            total += loss
            self.optimiser_state = OptimiserState(updates + done, first, second)
        self.state = State(memory.x.copy(), memory.xhat.copy())
        return total / max(int(sequence.mask.sum()), 1)

    def _remember(self, sequence: Sequence) -> Memory:
        """The memory of the last sequence, so that a window reaches over the join; an empty one at the start."""
        weights, state = prepare(self.weights, sequence, self.bias, None)
        if self._memory is None or self._memory.x.shape != state.x.shape:
            k, (batch_size, n), m = self.rule.window, state.x.shape, len(weights.w_in)
            dtype = state.x.dtype
            history = (np.zeros((k, batch_size, width), dtype) for width in (m, n, n, n))
            self._memory = Memory(*history, np.array([k - 1, 0]), *state)
        return self._memory


def _refused(name: str, wanted: str, got) -> SpecError:
    return SpecError(f"The {name!r} parameter of BpttTrainer must {wanted}. Got {got!r} instead.")


@kernel(allocates=True)
def decorrelate(d, signal, rate):
    """d ← d − rate · d offdiag(signalᵀ signal), in place, in O(R n²): d (n, n) presynaptic-major, signal (R, n)."""
    v = np.dot(signal, d.T)
    change = np.dot(v.T, signal)
    power = np.zeros_like(signal[0])
    for r in range(signal.shape[0]):
        for i in range(signal.shape[1]):
            power[i] += signal[r, i] * signal[r, i]
    for j in range(d.shape[0]):
        for i in range(d.shape[1]):
            d[j, i] -= rate * (change[j, i] - d[j, i] * power[i])


@cache
def _online_loop(formula):
    """The online schedule, compiled around one optimiser's formula."""
    formula = kernel(formula)

    @kernel(allocates=True)
    def apply(w, first, second, g, numbers, scale):
        for j in range(w.shape[0]):
            for i in range(w.shape[1]):
                moment, power, change = formula(numbers, g[j, i] * scale, first[j, i], second[j, i])
                first[j, i], second[j, i] = moment, power
                w[j, i] += change

    @kernel(allocates=True)
    def loop(u, targets, mask, reset, weights, first, second, trained, numbers, memory, settings):
        """A block of steps: forward, ∂L_t through the memory, decorrelation, update.  Returns summed loss, updates."""
        y = np.empty_like(targets[0])
        error = np.empty_like(y)
        g_in, g_rec, g_out = np.empty_like(weights.w_in), np.empty_like(weights.w_rec), np.empty_like(weights.w_out)
        total = 0.0
        done = 0
        for t in range(u.shape[0]):
            _forward_step(u[t], reset[t], weights, memory, settings)
            product(memory.xhat, weights.w_out, y)
            total += loss_step(y, targets[t], mask[t], settings.cross_entropy, error)
            scored = False
            for b in range(mask.shape[1]):
                scored = scored or mask[t, b]
            if scored:
                _gradient_step(error, weights, memory, settings, g_in, g_rec, g_out)
            if settings.rate > 0:
                decorrelate(weights.d_rec, memory.xhat, settings.rate)
            if scored:
                row = numbers[done]
                now = Numbers(row[0], row[1], row[2], row[3], row[4], row[5])
                scale = _clip_scale(g_in, g_rec, g_out, trained, settings)
                if trained[0]:
                    apply(weights.w_in, first[0], second[0], g_in, now, scale)
                if trained[1]:
                    apply(weights.w_rec, first[1], second[1], g_rec, now, scale)
                if trained[2]:
                    apply(weights.w_out, first[2], second[2], g_out, now, scale)
                done += 1
        return total, done

    return loop


@kernel(allocates=True)
def _forward_step(u, reset, weights, memory, settings):
    """One clean step, written into the next slot of the memory."""
    place = memory.place
    if reset:
        memory.x.fill(0)
        memory.xhat.fill(0)
        memory.g_a.fill(0)  # slots that are not live add nothing to the sums
        place[1] = 0
    slots = memory.drive.shape[0]
    place[0] = (place[0] + 1) % slots
    place[1] = min(place[1] + 1, slots)
    slot = place[0]
    copy_rows(u, memory.drive[slot])
    copy_rows(memory.xhat, memory.previous[slot])
    drive, recurrent, f = np.empty_like(memory.x), np.empty_like(memory.x), np.empty_like(memory.x)
    product(u, weights.w_in, drive)
    product(memory.xhat, weights.w_rec, recurrent)
    leaky_step(drive, recurrent, memory.x, f, settings.alpha, settings.keep)
    for b in range(f.shape[0]):
        for i in range(f.shape[1]):
            memory.slope[slot, b, i] = settings.alpha - settings.alpha * f[b, i] * f[b, i]
    if settings.decorrelated:
        product(memory.x, weights.d_rec, memory.xhat)
    else:
        copy_rows(memory.x, memory.xhat)


@kernel(allocates=True)
def _gradient_step(error, weights, memory, settings, g_in, g_rec, g_out):
    """∂L_t through the live steps of the memory, newest first, with the weights of now and the activities of then."""
    slots, batch_size, n = memory.slope.shape
    newest, live = memory.place[0], memory.place[1]
    np.dot(memory.xhat.T, error, g_out)
    g_xhat, g_x, back = np.empty_like(memory.x), np.empty_like(memory.x), np.empty_like(memory.x)
    product_back(error, weights.w_out, g_xhat)
    _to_state(g_xhat, weights, settings, g_x)
    for lag in range(live):
        slot = (newest - lag) % slots
        g_a, slope = memory.g_a[slot], memory.slope[slot]
        for b in range(batch_size):
            for i in range(n):
                g_a[b, i] = g_x[b, i] * slope[b, i]
        if lag + 1 < live:
            product_back(g_a, weights.w_rec, g_xhat)
            _to_state(g_xhat, weights, settings, back)
            add_scaled(back, settings.keep, g_x)
    rows = slots * batch_size
    all_g_a = memory.g_a.reshape(rows, n)
    np.dot(memory.drive.reshape(rows, memory.drive.shape[2]).T, all_g_a, g_in)
    np.dot(memory.previous.reshape(rows, n).T, all_g_a, g_rec)


@kernel(allocates=True)
def _to_state(g_xhat, weights, settings, g_x):
    """∂/∂x from ∂/∂x̂."""
    if settings.decorrelated:
        product_back(g_xhat, weights.d_rec, g_x)
    else:
        copy_rows(g_xhat, g_x)


@kernel(allocates=True)
def _clip_scale(g_in, g_rec, g_out, trained, settings):
    """min(1, clip / ‖g‖) over the trained matrices."""
    if settings.clip == np.inf:
        return settings.one
    total = settings.one - settings.one
    for k, g in enumerate((g_in, g_rec, g_out)):
        if trained[k]:
            for j in range(g.shape[0]):
                for i in range(g.shape[1]):
                    total += g[j, i] * g[j, i]
    return min(settings.clip / np.sqrt(total), settings.one)
