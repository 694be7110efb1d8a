"""The cases of `tests/fuzz.py`, family by family: what a person, an editor, a disk or a colleague's file can get wrong.

A family is a function ``(draw, material) -> Case`` and a line in :data:`FAMILIES`, with how often it is drawn.
"""

from __future__ import annotations

import importlib
import os
import pkgutil
import random
import signal
from collections.abc import Callable
from pathlib import Path
from typing import Any, NamedTuple

import fuzz_code
import fuzz_files
import tomli_w
import typer
from fuzz_values import INTEGERS, TEXTS, damaged, near_miss, one_wrong, paths, short, without_none, wrong_value

import hardware_models
import neuroperturb
from hardware_models import presets
from neuroperturb import rules, tasks
from neuroperturb.cli import app
from neuroperturb.experiments.experiment import Experiment
from neuroperturb.experiments.toml import resolve
from neuroperturb.network.chip.catalogue import KINDS

PATIENCE = 2.0  # seconds until a case that is right after all is asked to stop, as Ctrl-C does

TRIALS = {"trials_per_epoch": 4, "validation_trials": 2, "test_trials": 2}
TASKS: tuple[dict, ...] = (
    {"name": "delayed-xor", "steps": 4, "cues": [0, 1], **TRIALS},
    {"name": "context-integration", "steps": 5, "onset": 1, **TRIALS},
    {"name": "bit-copying", "bits": 2, "delay": 1, **TRIALS},
    {"name": "copying", "length": 2, "delay": 1, **TRIALS},
    {"name": "mackey-glass", "steps": 60, "test_steps": 20, "horizon": 2, "dropped": 5, "lead_in": 3},
    {"name": "weather", "path": "weather.csv", "split": 60, "horizon": 2, "washout": 2, "lead_in": 4},
    {"name": "my_task.py:Twice"},
)
RULES = (*rules.RULES, *rules.DECORRELATED, "bptt", "rtrl", "rflo", "eprop", "my_rule.py:MyRule")
SPIKING = ("kernel", {"backend": "kernel", "tau_synapse": "30 ms", "v_input": "200 mV"})
RICH = {
    "name": "reram-es", "weight": "zero-shifted", "writing": "mixed-precision",
    "programming": {"kind": "write-verify", "tolerance": 0.1},
    "reading": {
        "adc": {"bits": 9, "bound": 12}, "dac": {"bits": 7}, "scaling": "abs-max", "bound_management": {}, "output_noise_std": 0.06,
        "weight_noise": {"kind": "root", "std": 0.01}, "wires": {},
    },
    "time": {
        "drift": {"nu": 0.05}, "leak": {"lifetime": 10.0},
        "slow": {"sources": [{"kind": "one-over-f", "std": 0.1, "fastest": 1.0, "slowest": 100.0}]},
    },
    "weight_scale": 0.5, "neurons": {"slope_std": 0.1, "state_bits": 6}, "reward": {"bits": 4, "bound": 0.1, "delay": 1}, "seed": 9,
    "step_seconds": 1e-6, "D_rec": {}, "W_in": {"name": "digital-6"}, "W_out": "ideal",
}  # fmt: skip
STUDY: dict[str, Any] = {
    "about": "two sizes", "metrics": ["nmse", "pulses"], "baselines": ["ridge"], "threshold": 0.5, "weights": True,
    "axes": {"network.size": [2, 3], "seed": [1]}, "zip": [{"rule": ["np", "anp"], "rule.noise_std": [0.1, 0.2]}],
    "set": {"network": {"bias": True}}, "search": {"over": {"learning_rate": [1e-3, 1e-2]}, "first": 1, "keep": 1},
    "controls": ["frozen"], "names": {"np": "node perturbation"},
    "ageing": {"hardware": ["pcm-like"], "chips": [1], "seconds": [3600.0]},
    "small": {"axes": {"network.size": [2]}},
}  # fmt: skip
TUNE = {
    "trials": 1,
    "seeds": 1,
    "over": {"learning_rate": {"low": 1e-4, "high": 1.0, "log": True}, "network.leak": [0.5, 1.0]},
}


class Case(NamedTuple):
    """One thing wrong.

    label : what, in words;  arguments : of the command;  files : of its folder
    before : called in the child
    """

    label: str
    arguments: list[str]
    files: dict[str, bytes]
    before: Callable[[], None] = lambda: None

    @property
    def command(self) -> str:
        return "neuroperturb " + " ".join(
            short(word) if " " in word or not word else short(word).strip("'") for word in self.arguments
        )


class Material(NamedTuple):
    """What cases are made of: resolved configurations, the files of every folder, and whole records."""

    configurations: list[dict]
    files: dict[str, bytes]
    records: dict[str, bytes]


def prepare(folder: Path) -> Material:
    """Material, made in a folder."""
    folder.mkdir()
    os.chdir(folder)
    plain = fuzz_files.plain()
    for name, content in plain.items():
        (folder / name).parent.mkdir(exist_ok=True)
        (folder / name).write_bytes(content)
    configurations = list(_configurations())
    plain["ok.toml"] = tomli_w.dumps(without_none(_small({"task": TASKS[0], "rule": "np"}).table())).encode()
    plain["study.toml"] = tomli_w.dumps({"base": _base(), **STUDY, "tune": TUNE}).encode()
    return Material(configurations, plain, fuzz_files.records(_small, TASKS[0]))


def _small(table: dict) -> Experiment:
    training = {
        "epochs": 1,
        **({"batch_size": 2} if "trials_per_epoch" in table["task"] else {}),
        **table.get("training", {}),
    }
    return resolve({"network": {"size": 2}, **table, "training": training})


def _configurations():
    """Tables with every key that a part has, None for those that are not said."""
    one = TASKS[0]
    tables = [{"task": task, "rule": "np-trace"} for task in TASKS]
    tables += [{"task": one, "rule": rule} for rule in RULES]
    tables += [{"task": one, "rule": "np", "hardware": name} for name in (*presets.PRESETS, "digital", "ideal")]
    tables += [{"task": one, "rule": "np", "hardware": RICH}]
    tables += [{"task": one, "rule": "np", "spiking": spiking} for spiking in SPIKING]
    for (_, field), kinds in KINDS.items():
        if field in ("weight", "writing", "programming", "time"):
            tables += [
                {"task": one, "rule": "np", "training": {"schedule": "online"}, "hardware": {"name": "ecram", field: k}}
                for k in kinds
            ]
    for table in tables:
        try:
            made = _small(table).table()
        except ValueError:
            continue  # two parts that do not go together
        yield (
            made | {"decorrelation": made["decorrelation"] or {"rate": 0.01, "state": True, "input": True}}
            if table is tables[-1]
            else made
        )


def _base() -> dict:
    return {"task": TASKS[0], "network": {"size": 2}, "training": {"epochs": 1, "batch_size": 2}}


def import_all() -> None:
    """Import every module, so that children have them."""
    for package in (neuroperturb,):
        for module in pkgutil.walk_packages(package.__path__, f"{package.__name__}."):
            if "brian" not in module.name and "__main__" not in module.name:
                importlib.import_module(module.name)
    for name in (
        "matplotlib.pyplot",
        "matplotlib.backends.backend_agg",
        "pandas",
        "h5py",
        "tomli_w",
        "rich.progress",
        "optuna",
        "scipy.stats",
    ):
        importlib.import_module(name)


def stop_soon() -> None:
    """Ctrl-C after a while: what is right after all need not train to its end."""

    def interrupt(*_) -> None:
        if signal.getsignal(signal.SIGINT) is not signal.default_int_handler:  # somebody trains, and listens
            os.kill(os.getpid(), signal.SIGINT)

    signal.signal(signal.SIGALRM, interrupt)
    signal.setitimer(signal.ITIMER_REAL, PATIENCE, 0.5)


def without_pulses() -> None:
    """No device card: uncompiled it takes minutes. Its arrays are made."""
    from hardware_models.characterise import card

    def made(of, seed=0):
        card._array(card._described(of)[-1], seed)
        raise typer.Exit(0)

    hardware_models.card = made


def without_figures() -> None:
    """The same, and no time for figures."""
    from neuroperturb.results.figures import learning_curve

    learning_curve.save = lambda run, path: path
    without_pulses()
    stop_soon()


# ----------------------------------------------------------------------------------------------------------------------
# Families


def configuration(draw: random.Random, material: Material) -> Case:
    """One or two things wrong in a whole experiment, in its file."""
    table, said = one_wrong(draw, draw.choice(material.configurations))
    while draw.random() < 0.2:
        table, more = one_wrong(draw, table)
        said = f"{said}; {more}"
    files = {**material.files, "case.toml": tomli_w.dumps(without_none(table)).encode(errors="replace")}
    return Case(said, ["run", "case.toml", "--quiet"], files, without_figures)


def assignment(draw: random.Random, material: Material) -> Case:
    """`--set`, on a task, a file or a record, or on what `age` and `audit` read."""
    table = draw.choice(material.configurations)
    path = ".".join(map(str, draw.choice(list(paths(table)))))
    key = draw.choice([path, path, path, near_miss(draw, path), f"{path}.x", f"{path}.", draw.choice(TEXTS)])
    value = wrong_value(draw)
    text = (
        str(value)
        if isinstance(value, str)
        else tomli_w.dumps({"x": without_none([value])})[4:].strip()[1:-1].strip(" ,\n")
    )
    said = draw.choice([f"{key}={text}", f"{key}={value!r}", key, f"={text}", f"{key}=", f"{key}=[{text}", text])
    start = draw.choice(
        [
            ["run", "ok.toml", "--quiet"],
            ["run", "run.nc", "--quiet"],
            ["age", "run.nc"],
            ["run", "case.toml", "--quiet"],
        ]
    )
    start = ["audit", "np"] if draw.random() < 0.03 else start
    files = {**material.files, **material.records, "case.toml": tomli_w.dumps(without_none(table)).encode()}
    return Case(f"--set {short(said)}", [*start, "--set", said.replace("\0", "")], files, without_figures)


def study(draw: random.Random, material: Material) -> Case:
    """One thing wrong in a study, a search, or the ageing of one."""
    keys = draw.sample(list(STUDY), draw.randint(1, 5))
    table = {"base": draw.choice([_base(), "ok.toml"]), **{key: STUDY[key] for key in keys}, "tune": TUNE}
    if draw.random() < 0.3:
        table["grid"] = [{"name": "one", "axes": {"network.leak": [0.5, 1.0]}}, {"name": "two"}]
    table, said = one_wrong(draw, table)
    files = {**material.files, "case.toml": tomli_w.dumps(without_none(table)).encode(errors="replace")}
    command = draw.choice(
        [["study", "--dry-run"]] * 4 + [["study", "--quiet", "--workers", "1"], ["tune", "--trials", "1"]]
    )
    more = ["--small"] if draw.random() < 0.1 else []
    return Case(said, [command[0], "case.toml", *command[1:], *more], files, stop_soon)


def options(draw: random.Random, material: Material) -> Case:
    """Arguments and options of any command."""
    name = draw.choice([command for command in app.COMMANDS if command not in ("bench", "list")])
    command = next(c for key, c in _commands().items() if key == name)
    given, bounded = (
        [],
        {"align": ["--samples", "4", "--size", "2", "--steps", "3"], "verify": [], "audit": []}.get(name, []),
    )
    for parameter in command.params:
        if parameter.param_type_name == "argument":
            if draw.random() < 0.95:
                given.append(_argument(draw, name))
        elif parameter.name in (
            "help",
            "scheduler",
            "storage",
            "fixed_point",
        ):  # the last is right, and slow uncompiled
            continue
        elif draw.random() < 0.25:
            given += [draw.choice(parameter.opts)] + ([] if getattr(parameter, "is_flag", False) else [_word(draw)])
    if draw.random() < 0.1:
        given.append(draw.choice(["--nothing", "-x", "--", "extra", "--help", "--out", "--seed=", "--epochs=1=2"]))
    return Case(f"options of {name}", [name, *bounded, *given], {**material.files, **material.records}, without_figures)


def _commands() -> dict:
    if not _whole:
        _whole.update(
            {name: app.LateCommand(name, place, line).whole() for name, (place, line) in app.COMMANDS.items()}
        )
    return _whole


_whole: dict[str, Any] = {}


def _argument(draw: random.Random, command: str) -> str:
    right = {
        "run": "ok.toml",
        "study": "study.toml",
        "tune": "study.toml",
        "device": "digital-4",
        "align": "np",
        "audit": "np",
    }
    if draw.random() < 0.4:
        return right.get(command, "run.nc")
    return _word(draw)


def _word(draw: random.Random) -> str:
    files = [
        "ok.toml",
        "study.toml",
        "run.nc",
        "pulses.csv",
        "weather.csv",
        "my_rule.py:MyRule",
        "noise.bin",
        "folder",
        "none.nc",
        "none.toml",
    ]
    names = [
        "np",
        "anp published",
        "delayed-xor",
        "reram-es",
        "digital-4",
        "ideal",
        "spiking",
        "bptt",
        "pcm-like",
        "seed",
        "1/2",
    ]
    numbers = [str(n) for n in INTEGERS if abs(n) < 4 or abs(n) >= 2**62] + [
        "1.5",
        "1e400",
        "nan",
        "inf",
        "-inf",
        "0x10",
        "1_0",
    ]
    return draw.choice(draw.choice([files, names, numbers, [text.replace("\0", "") for text in TEXTS]]))


def text_file(draw: random.Random, material: Material) -> Case:
    """A TOML file that editors, people and disks have been at."""
    return fuzz_files.text_case(Case, draw, material, without_figures)


def table_file(draw: random.Random, material: Material) -> Case:
    """A CSV of pulses or of weather with something wrong."""
    return fuzz_files.table_case(Case, draw, material, without_figures)


def record(draw: random.Random, material: Material) -> Case:
    """A record that is cut, flipped, zeroed, or holds something else, for whoever reads records."""
    name, content = draw.choice(list(material.records.items()))
    if draw.random() < 0.5:
        content, said = damaged(draw, content)
    else:
        content, said = fuzz_files.other_structure(draw, content)
    files, of_one = {**material.files, name: content}, f"{name}: {said}"
    commands = [
        ["report", name],
        ["deploy", name, "--chip", "1"],
        ["age", name, "--hardware", "pcm-like", "--after", "60"],
    ]
    commands += [
        ["run", name, "--quiet"],
        ["run", name, "--quiet", "--resume"],
        ["run", "ok.toml", "--out", name, "--resume"],
    ]
    return Case(of_one, draw.choice(commands), files, without_figures)


def code(draw: random.Random, material: Material) -> Case:
    """A rule, a task or a cell of one's own that cannot be had."""
    return fuzz_code.code_case(Case, draw, material, without_figures)


FAMILIES: dict[str, tuple[float, Callable[[random.Random, Material], Case]]] = {
    "configuration": (8, configuration),
    "assignment": (2, assignment),
    "study": (2, study),
    "options": (2, options),
    "text": (1, text_file),
    "table": (2, table_file),
    "record": (2, record),
    "code": (1, code),
}
TASK_NAMES = tuple(tasks.TASKS)
