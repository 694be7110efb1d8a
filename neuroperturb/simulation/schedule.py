"""Training settings: epochs, batches, seeds, dtype, and the matrices that learn."""

from __future__ import annotations

from typing import Literal

from pydantic import Field, model_serializer

from neuroperturb.spec import Spec

Matrix = Literal["W_in", "W_rec", "W_out"]


ONLINE_CHUNK = 100  # steps between cuts of BPTT in the online schedule, by default


class Training(Spec):
    """Training settings of a run.

    schedule : ``"online"``: weights change at every step;  ``"episode"``: updates of a sequence are summed and written
        once;  None: the task's default
    epochs : passes over the training data
    batch_size : number of parallel trials; None: the task's default
    seed : of initial weights, data, perturbations and chips, each with a separate stream
    dtype : of weights and states
    resynchronise : number of steps after which the noisy twin is reset to the clean one; 0 is never, as published
    carry_state : keep the state from one training sequence to the next instead of starting from zero
    frozen : matrices that stay at their initial values
    patience : epochs without a smaller validation loss after which a run ends; None: it ends with the last epoch
    """

    schedule: Literal["online", "episode"] | None = None
    epochs: int = Field(default=10, ge=1)
    batch_size: int | None = Field(default=None, ge=1)
    seed: int = Field(default=42, ge=0, lt=2**63)
    dtype: Literal["float32", "float64"] = "float32"
    resynchronise: int = Field(default=0, ge=0)
    carry_state: bool = False
    frozen: tuple[Matrix, ...] = ()
    patience: int | None = Field(default=None, ge=1)

    @model_serializer(mode="wrap")
    def _without_later_default(self, write) -> dict:
        """`patience` came later and is left out where there is none: a table of before stays what it was."""
        return {key: value for key, value in write(self).items() if key != "patience" or value is not None}
