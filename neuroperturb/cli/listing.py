"""`neuroperturb list`: the names of all tasks, rules and hardware."""

from __future__ import annotations

from collections.abc import Mapping

import hardware_models as hw
from neuroperturb import baselines, rules, tasks
from neuroperturb.cli.terminal import say
from neuroperturb.experiments import recipes
from neuroperturb.spec import plugins
from neuroperturb.study import shipped


def list_() -> None:
    """List tasks, rules, hardware, studies and notebooks by their names.

    Example: neuroperturb list
    """
    say("Tasks")
    for name, task in tasks.TASKS.items():
        own = recipes.RECIPES.get(name, {}).get("rule", {}).get("name", "")
        say(f"  {name:<20} {_first_line(task)}" + (f" [{own}]" if own else ""))
    _added("task", tasks.TASKS)
    say("\nRules")
    for name, make in rules.RULES.items():
        say(f"  {name:<20} {_first_line(make)}")
    for name, make in rules.OF_WORLDS.items():
        say(f"  {name:<20} {_first_line(make)}")
    for name, base in rules.DECORRELATED.items():
        say(f"  {name:<20} {base} with decorrelation of the state.")
    say(f"  {'bptt':<20} The exact gradient: true BPTT, or BPTT(k) with rule.window=k.")
    for name, rule in baselines.FORWARD.items():
        say(f"  {name:<20} {_first_line(rule)}")
    _added("rule", rules.RULES)
    say("\nHardware")
    for name, preset in hw.PRESETS.items():
        say(f"  {name:<24} {preset.technology}")
    for name, cell in hw.CELLS.items():
        say(f"  {name:<24} {_first_line(cell)}")
    _added("cells", {**hw.PRESETS, **hw.CELLS})
    say("\nStudies")
    say(f"  {', '.join(shipped.studies())}")
    say("\nNotebooks")
    say(f"  {', '.join(shipped.notebooks())}")
    say("\nIn brackets: the task's default rule.")
    say("run       neuroperturb run TASK --rule RULE --hardware HARDWARE")
    say("draw      neuroperturb device HARDWARE")
    say("study     neuroperturb study NAME --quick")
    say("copy      neuroperturb new --study NAME, or --notebook NAME")


def _added(sort: str, ours: Mapping[str, object]) -> None:
    """Names that installed packages add; a name of ours means ours."""
    for plugin in plugins.installed(sort):
        if plugin.name not in ours:
            say(f"  {plugin.name:<20} {plugin.location}, of the package {plugin.package}")


def _first_line(thing) -> str:
    return (thing.__doc__ or "").strip().split("\n")[0]
