"""Training by backpropagation through time, with the same schedules as perturbation rules.

| schedule | window | chunk | one update |
|---|---|---|---|
| episode | None or k | None | per sequence, BPTT or BPTT(k) |
| either | None or k | c | per c steps: the state crosses the cut, the gradient does not |
| online | k | None | per step, ∂L_t through the last k steps; k = 1 is the published "BP" |
"""

from __future__ import annotations

from typing import Annotated, Any, ClassVar, Literal

import numpy as np
from pydantic import Field, model_serializer

from neuroperturb.baselines.bptt import differentiate, forward_pass
from neuroperturb.baselines.forward import (
    State,
    Weights,
    is_decorrelated,
    leak_pair,
    pieces,
    prepare,
    presented,
    trajectory,
)
from neuroperturb.baselines.gradient_trainer import GradientTrainer
from neuroperturb.baselines.online import GradientMemory, Settings, decorrelate, make_online_loop
from neuroperturb.baselines.optimisers import Adam, AnyOptimiser, OptimiserState, numbered
from neuroperturb.baselines.sizes import Sizes
from neuroperturb.baselines.whitened import WhitenedGradient
from neuroperturb.rules.axes.inverse import Inverse
from neuroperturb.rules.axes.presynaptic import Activity
from neuroperturb.spec import Spec, SpecError
from neuroperturb.tasks.contract import Dataset, Sequence


class Bptt(Spec):
    """The exact gradient: backpropagation through time, as a learning rule.

    window : k, number of steps that each loss is differentiated through; None for all
    chunk : steps between updates and cuts of the gradient; None updates at every step (online) or sequence (episode)
    optimiser : how weights follow the gradient: Sgd, Rms or Adam
    decorrelation_rate : ε of D ← D − ε [offdiag(x̂ᵀx̂/B)] D; with window 1 online this is the published "DBP"
    presynaptic : activity as it is; or whitened by P, "inverse", as `np-p` has it, with an update a sequence or `chunk`
    """

    name: Literal["bptt"] = "bptt"
    passes: ClassVar[int] = 2  # of a trial: one forward, one back
    window: int | None = Field(default=None, ge=1)
    chunk: int | None = Field(default=None, ge=1)
    optimiser: AnyOptimiser = Adam()
    decorrelation_rate: float = Field(default=0.0, ge=0)
    presynaptic: Annotated[Activity | Inverse, Field(discriminator="kind")] = Activity()

    @model_serializer(mode="wrap")
    def _without_later_default(self, write) -> dict:
        """Plain activity is left out, so that tables and digests are those of before there was another."""
        return {key: value for key, value in write(self).items() if key != "presynaptic" or self.presynaptic.tracks}

    def require_schedule(self, schedule: str) -> None:
        """Reject P with an update at every step."""
        if schedule == "online" and self.chunk is None and self.presynaptic.tracks:
            wanted = (
                "left out in the online schedule, or 'rule.chunk' a number of steps: P is of the gradient of several"
            )
            raise SpecError("rule.presynaptic", wanted=wanted, got=self.presynaptic.kind)

    def multiply_adds(self, sizes: Sizes) -> int:
        """Of a trial and step: the network; back through W_outᵀ and W_recᵀ, and the outer products, of every step a loss goes back through."""
        # without a window all losses go back together; D is read, read by column, and changed by two products. C takes one of x̂; its inverse
        # and two products with P come once an update, n/(T B) of that
        visits = 1 if self.window is None else min(self.window, sizes.length)
        lateral = 4 * sizes.units**2 if self.decorrelation_rate else 0
        lateral += sizes.units**2 if self.presynaptic.tracks else 0
        return sizes.synapses + 2 * sizes.w_out + visits * (sizes.w_rec + sizes.hidden) + lateral


class BpttTrainer(GradientTrainer):
    """Training by a :class:`Bptt` rule; parameters as in :class:`neuroperturb.baselines.gradient_trainer.GradientTrainer`.

    Attributes
    ----------
    state : State of the network after the last training step
    """

    def __init__(self, weights: Weights, dataset: Dataset, rule: Bptt, **options: Any):
        super().__init__(weights, dataset, rule, **options)
        if self.schedule == "online" and rule.window is None and rule.chunk is None:
            raise SpecError.missing("window", "Bptt", "The online schedule needs it, or 'chunk', as a number of steps.")
        rule.require_schedule(self.schedule)
        self.state: State | None = None
        self._memory: GradientMemory | None = None
        tracks = rule.presynaptic.tracks
        self._whitened = WhitenedGradient(rule.presynaptic, len(self.weights.w_rec)) if tracks else None

    def batch(self, number: int) -> float:
        """Learn from training sequence `number`; returns its mean loss while learning, over scored steps and trials."""
        sequence = self.dataset.batch(number)
        if self.rule.chunk is None and self.schedule == "online":
            return self._online(sequence)
        total = 0.0
        for _, piece in pieces(sequence, self.rule.chunk or max(len(sequence.inputs), 1)):
            total += self._piece(piece) * int(piece.mask.sum())
        return total / max(int(sequence.mask.sum()), 1)

    def checkpoint(self) -> dict[str, np.ndarray]:
        parts = {"state": self.state, "memory": self._memory}
        arrays = {f"{name}.{k}": np.array(a) for name, part in parts.items() for k, a in enumerate(part or ())}
        whitened = {} if self._whitened is None else self._whitened.checkpoint()
        return {**super().checkpoint(), **arrays, **whitened}

    def restore(self, kept: dict[str, np.ndarray]) -> None:
        super().restore(kept)
        state, memory = numbered(kept, "state"), numbered(kept, "memory")
        self.state = State(*state) if state else None
        self._memory = GradientMemory(*memory) if memory else None
        if self._whitened is not None:
            self._whitened.restore(kept)

    def _piece(self, piece: Sequence) -> float:
        """One gradient of fixed weights, one update."""
        if self.rule.decorrelation_rate:
            self._decorrelate(piece)
        passed, self.state = forward_pass(
            self.weights, piece, leak=self.leak, bias=self.bias, state=self.state, activation=self.activation
        )
        loss, gradients = differentiate(
            self.weights, passed, piece, loss=self.dataset.loss, window=self.rule.window, leak=self.leak
        )
        self.step += len(piece.inputs)
        if piece.mask.any():
            self.update(gradients if self._whitened is None else self._whitened(gradients, passed.xhat))
        return loss

    def _decorrelate(self, piece: Sequence) -> None:
        """Decorrelation: a clean pass first and one write of its per-step updates: their sum; by episode their mean, and D_in."""
        weights, state = prepare(self.weights, piece, self.bias, self.state)
        u, _, xhat, _ = trajectory(weights, piece, self.leak, self.bias, state, self.activation)
        episode = self.schedule == "episode"
        rate = self.rule.decorrelation_rate / (len(u) if episode else 1) / u.shape[1]
        pairs = [(self.weights.d_rec, xhat), (self.weights.d_in, u[..., : len(self.weights.d_in)])]
        for d, signal in pairs if episode else pairs[:1]:
            decorrelate(d, np.ascontiguousarray(signal.reshape(-1, signal.shape[-1])), d.dtype.type(rate))

    def _online(self, sequence: Sequence) -> float:
        """One update per step, in the compiled loop, a block of steps per call."""
        rule, optimiser, dtype = self.rule, self.rule.optimiser, self.weights.w_rec.dtype
        memory = self._remember(sequence)
        loop = make_online_loop(
            optimiser.formula, optimiser.keeps, self.activation.curve(), any(at is not None for at in self.sites)
        )
        alpha, keep = leak_pair(self.leak, dtype, len(self.weights.w_rec))
        clip = dtype.type(np.inf if optimiser.clip_norm is None else optimiser.clip_norm)
        settings = Settings(
            cross_entropy=self.dataset.loss == "cross_entropy",
            decorrelated=bool(rule.decorrelation_rate) or is_decorrelated(self.weights),
            alpha=alpha,
            keep=keep,
            rate=dtype.type(rule.decorrelation_rate / sequence.inputs.shape[1]),
            clip=clip,
            one=dtype.type(1),
        )
        everywhere = (np.zeros(w.shape, np.int8) for w in self.weights[:3])
        codes = tuple(z if at is None else at.codes.T.copy() for z, at in zip(everywhere, self.sites, strict=True))
        total = 0.0
        for _, piece in pieces(sequence):
            updates, first, second = self.optimiser_state
            numbers = np.array(
                [optimiser.scheduled(updates + 1 + t, self.done(1 + t)) for t in range(len(piece.inputs))], dtype
            )
            u = np.ascontiguousarray(presented(self.weights, piece.inputs, self.bias))
            targets = np.ascontiguousarray(piece.targets, dtype)
            parts = (u, targets, np.ascontiguousarray(piece.mask), np.ascontiguousarray(piece.reset))
            with np.errstate(over="ignore", invalid="ignore"):  # only raised with the JIT off
                loss, done = loop(
                    *parts, self.weights, first=first, second=second, trained=self.trained, numbers=numbers, memory=memory, settings=settings,
                    codes=codes,
                )  # fmt: skip
            total += loss
            self.step += len(piece.inputs)
            self.optimiser_state = OptimiserState(updates + done, first, second)
        self.state = State(memory.x.copy(), memory.xhat.copy())
        return total / max(int(sequence.mask.sum()), 1)

    def _remember(self, sequence: Sequence) -> GradientMemory:
        """The memory of the last sequence, so that a window extends across the boundary; an empty one at the start."""
        weights, state = prepare(self.weights, sequence, self.bias, None)
        if self._memory is None or self._memory.x.shape != state.x.shape:
            k, (batch_size, n), m = self.rule.window, state.x.shape, len(weights.w_in)
            dtype = state.x.dtype
            history = (np.zeros((k, batch_size, width), dtype) for width in (m, n, n, n))
            self._memory = GradientMemory(*history, np.array([k - 1, 0]), *state)
        return self._memory
