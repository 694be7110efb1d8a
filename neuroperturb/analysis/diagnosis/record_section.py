"""The hardware section of a record: diagnosis and operation of the arrays, as plain values.

diagnosis   ratios of every layer and matrix at the start of the run, see :mod:`neuroperturb.analysis.diagnosis`
limit       the ratio that is furthest beyond its limit; empty if there is none
warning     the same in a sentence, with its remedy: one that studies found to hold if there is one, else a hint
arrays      for every learned matrix: its cells, share of cells at a bound, share that is stuck, its ledger
total       the ledger summed over all arrays
"""

from __future__ import annotations

from typing import Any

import numpy as np

from hardware_models.array import SynapseArray
from neuroperturb.analysis.diagnosis.diagnosis import Diagnosis
from neuroperturb.analysis.diagnosis.perturbation_snr import Layer, Perturbation
from neuroperturb.analysis.diagnosis.verdict import Limit, limit, limits
from neuroperturb.analysis.diagnosis.write_fidelity import WriteRatios
from neuroperturb.rules import PerturbationRule
from neuroperturb.rules.plan import facts_of

AT_BOUND = 0.01  # fraction of a cell's range; closer to a bound than this counts as at it


def start(diagnosis: Diagnosis, rule: PerturbationRule) -> dict[str, Any]:
    """The part that is known before the first step."""
    found, told = limit(diagnosis, _sigma(rule)), limits(diagnosis, _sigma(rule))
    perturbation, writing = diagnosis.perturbation, diagnosis.writing
    return {
        "diagnosis": {
            "layers": {layer: getattr(perturbation, layer)._asdict() for layer in ("hidden", "output")},
            "reward_std": perturbation.reward_std,
            "channel_std": perturbation.channel_std,
            "matrices": {name: ratios._asdict() for name, ratios in writing.items()},
            "fidelity": diagnosis.fidelity,
            "wander": diagnosis.wander,
        },
        "limit": "" if found is None else found.ratio,
        "warning": str(told[0]) if told else "",
    }


def limits_of(section: dict[str, Any], rule: Any) -> list[Limit]:
    """Ratios beyond their limits, from the hardware section of a record; none where the record has no diagnosis."""
    kept = section.get("diagnosis")
    if not kept or not isinstance(rule, PerturbationRule):
        return []
    layers = {name: Layer(**ratios) for name, ratios in kept["layers"].items()}
    found = Diagnosis(
        Perturbation(**layers, reward_std=kept["reward_std"], channel_std=kept["channel_std"]),
        {name: WriteRatios(**ratios) for name, ratios in kept["matrices"].items()}, kept["fidelity"], kept["wander"],
    )  # fmt: skip
    return limits(found, _sigma(rule))


def _sigma(rule: PerturbationRule) -> float | None:
    """σ of a rule; None if it learns from the noise of the array."""
    return None if facts_of(rule).array_noise else rule.noise_std


def so_far(arrays: dict[str, SynapseArray]) -> dict[str, Any]:
    """Operation of the arrays so far, and their state."""
    ledgers = {name: array.ledger() for name, array in arrays.items()}
    return {
        "arrays": {
            name: {
                "cells": type(array.cell).__name__,
                "at_bound": at_bound(array),
                "stuck": stuck(array),
                "ledger": ledgers[name].as_dict(),
            }
            for name, array in arrays.items()
        },
        "total": sum(ledgers.values()).as_dict(),
    }


def at_bound(array: SynapseArray) -> float:
    """Share of the cells that are at one of their bounds, without dead ones."""
    cells, n, bound = array.state.cells, array.shape[0], array.cell.bound
    w = (cells.held if cells.held.size > 1 else cells.w)[: array.weight.trained, :, :n].astype(np.float64)
    if cells.bound_up.size > 1:
        low, high = (b[: array.weight.trained, :, :n].astype(np.float64) for b in (cells.bound_low, cells.bound_up))
    elif bound is not None:
        low, high = np.full(w.shape, -bound), np.full(w.shape, bound)
    else:
        return 0.0
    margin, alive = AT_BOUND * (high - low), high > low
    return float(np.mean((w <= low + margin)[alive] | (w >= high - margin)[alive])) if alive.any() else 0.0


def stuck(array: SynapseArray) -> float:
    """Share of the cells that no pulse changes: defective, failed, or worn out."""
    cells, n, trained = array.state.cells, array.shape[0], array.weight.trained
    dead = np.zeros((trained, array.shape[1], n), bool)
    if cells.stuck.size > 1:
        dead |= ~np.isnan(cells.stuck[:trained, :, :n])
    if cells.bound_up.size > 1:
        dead |= cells.bound_up[:trained, :, :n] == cells.bound_low[:trained, :, :n]
    return float(dead.mean())
