"""What should be said of an experiment before it runs."""

from __future__ import annotations

from neuroperturb.experiments.experiment import Experiment

LIKE = "np-trace"  # the preset that a custom rule is offered the settings of


def remarks(experiment: Experiment) -> list[str]:
    """Sentences; none, mostly."""
    return [plain_rule(experiment)] if getattr(experiment.rule, "is_plain", False) else []


def plain_rule(experiment: Experiment) -> str:
    """A custom rule beside presets would be judged by its settings."""
    rule = experiment.rule
    return (
        f"The rule {rule.label} runs on plain settings (σ {rule.noise_std:g}, η {rule.learning_rate:g}, a clean twin, a plain step), which no "
        f"preset with a trace does: 'rule.like = \"{LIKE}\"' gives it those of {LIKE}."
    )
