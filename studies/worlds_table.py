"""The page of `studies/worlds.py`: tables of returns and scores from its lines."""

from __future__ import annotations

import numpy as np

from neuroperturb import tasks

CHIPS = ("digital-6", "ecram")
POLICIES = ("random", "linear", "network")
NAMES = {"linear": "linear policy, ES", "network": "the network, ES", "random": "random policy"}

TOP = """# Rules × worlds

`python studies/worlds.py confirm baselines hardware recovery table`. Returns on test trials: mean over the fresh seeds 2001 – 2010, and the worst seed; settings by
the validation loss on seeds 1 – 3. **Score**: 1 is as good as the best baseline, 0 as bad as chance, (loss of the random policy − loss) / (its loss −
that of the best baseline), where loss = ceiling − return; the bar is 0.9, and on hardware 0.8 of that. A run that diverged counts as chance. Every rule, and the evolution
strategy in each of its searches, has the same number of trials. One pass each, `per_step` expectations (`hebbian`: per condition; `oua`: a running
mean). Fewer seeds are said in the table.
"""


def losses(found: dict, world: str, name: str, seeds, guess: float) -> np.ndarray:
    rows = [found.get(f"confirm {world} {name} {seed}") for seed in seeds]
    return np.array([row["test"] if np.isfinite(row["test"]) else guess for row in rows if row is not None])


def page(found: dict, worlds: list[str], rules: list[str], seeds) -> str:
    return "\n".join([TOP, *(section(found, world, rules, seeds) for world in worlds), recovery(found, worlds, seeds)])


def section(found: dict, world: str, rules: list[str], seeds) -> str:
    ceiling = tasks.TASKS[world]().ceiling
    guess = float(losses(found, world, "random", seeds, np.nan).mean())
    reference = {name: losses(found, world, name, seeds, guess) for name in POLICIES}
    best = min(values.mean() for values in reference.values() if len(values))
    names = [*POLICIES, *rules, *(f"np-p on {chip}" for chip in CHIPS)]
    lines = [
        f"## {world}",
        "",
        "| | return | worst seed | score | seeds ≥ 0.9 | diverged |",
        "|---|---:|---:|---:|---:|---:|",
    ]
    for name in names:
        values = losses(found, world, name, seeds, guess)
        if not len(values):
            continue
        scores = (guess - values) / (guess - best)
        rows = [found.get(f"confirm {world} {name} {seed}", {}) for seed in seeds]
        blown = sum(row.get("status") == "diverged" for row in rows)
        lines.append(
            f"| {NAMES.get(name, name)} | {ceiling - values.mean():.3g} | {ceiling - values.max():.3g} | {scores.mean():.2f} "
            f"| {(scores >= 0.9).sum()} of {len(values)} | {blown or ''} |"
        )
    return "\n".join([*lines, ""])


def recovery(found: dict, worlds: list[str], seeds) -> str:
    """Epochs to learn, and to recover: until the score is nine tenths of what it was before, three epochs' mean."""
    lines = [
        "## Something breaks in mid-run", "",
        "NP+P with a constant learning rate. *Synapses*: on `digital-6` 30 % of the cells of every matrix stick at 0. *Motor*: ideal weights, force and",
        "choices are reversed. Score as above, on validation trials, by epoch: before (mean of the last three), at the first evaluation after, at the end.",
        "Episodes until nine tenths of the score before are reached: from the start, and after the break; a seed that never gets there counts as failed.", "",
        "| world | what breaks | before | just after | at the end | episodes to learn | to recover | recovered |",
        "|---|---|---:|---:|---:|---:|---:|---:|",
    ]  # fmt: skip
    for world in worlds:
        for way in ("synapses", "motor"):
            rows = [found.get(f"recovery {world} {way} {seed}") for seed in seeds]
            curves = [row["curve"] for row in rows if row is not None and row["status"] == "finished"]
            if curves:
                lines.append(_row(found, world, way, np.array(curves), sum(row is not None for row in rows), seeds))
    return "\n".join([*lines, ""])


def _row(found: dict, world: str, way: str, curves: np.ndarray, runs: int, seeds) -> str:
    guess = float(losses(found, world, "random", seeds, np.nan).mean())
    best = min(losses(found, world, name, seeds, guess).mean() for name in POLICIES)
    scores, at = (guess - curves) / (guess - best), curves.shape[1] // 3
    each = {"cart-pole": 320}.get(world, 640)
    before = scores[:, at - 3 : at].mean(axis=1)
    first = [_first(s[:at], 0.9 * b) for s, b in zip(scores, before, strict=True)]
    again = [_first(s[at:], 0.9 * b) for s, b in zip(scores, before, strict=True)]
    back = [n for n in again if n is not None]
    learnt = np.median([n for n in first if n is not None]) * each
    took = f"{np.median(back) * each:.0f}" if back else "–"
    ends = scores[:, -3:].mean()
    return (
        f"| {world} | {way} | {before.mean():.2f} | {scores[:, at].mean():.2f} | {ends:.2f} | {learnt:.0f} | {took} "
        f"| {len(back)} of {runs} |"
    )


def _first(scores: np.ndarray, level: float) -> int | None:
    """Number of epochs until the level is reached."""
    reached = np.flatnonzero(scores >= level)
    return int(reached[0]) + 1 if len(reached) else None
