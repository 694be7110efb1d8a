"""Names that a shell completes: of tasks, rules, settings, words, studies and notebooks; only commands that read experiments import them."""

from __future__ import annotations

from neuroperturb.cli.names import beginning, hardware
from neuroperturb.experiments.example_values import choices
from neuroperturb.experiments.expand import RULE_NAMES
from neuroperturb.experiments.glossary import words as of_reports
from neuroperturb.experiments.recipes import RECIPES
from neuroperturb.experiments.settings import settings
from neuroperturb.study import shipped
from neuroperturb.study.keys import keys
from neuroperturb.tasks import TASKS


def tasks(incomplete: str) -> list[str]:
    """Built-in tasks."""
    own = ("series", "arrays")  # which are given by their data
    return beginning([name for name in {**RECIPES, **TASKS} if name not in own], incomplete)


def rules(incomplete: str) -> list[str]:
    """Learning rules."""
    return beginning(RULE_NAMES, incomplete)


def assignments(incomplete: str) -> list[str]:
    """Settings, up to their equals sign; behind it the names and choices of that setting."""
    key, equals, value = incomplete.partition("=")
    if equals:
        found = [choice for one in settings() if one.key == key for choice in choices(one)]
        return [f"{key}={choice}" for choice in beginning(found, value)]
    return beginning([f"{one.key}=" for one in settings()], incomplete)


def words(incomplete: str) -> list[str]:
    """All that `explain` knows: settings, keys of studies, words of reports, names."""
    known = [
        *(one.key for one in settings()),
        *(one.key for one in keys()),
        *(word.replace(" ", "_") for word in of_reports()),
    ]
    return [*beginning(known, incomplete), *tasks(incomplete), *rules(incomplete), *hardware(incomplete)]


def studies(incomplete: str) -> list[str]:
    """Studies that come with the package."""
    return beginning(shipped.studies(), incomplete)


def notebooks(incomplete: str) -> list[str]:
    """Notebooks that come with the package."""
    return beginning(shipped.notebooks(), incomplete)
