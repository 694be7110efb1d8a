"""Rules, tasks and cells of one's own that cannot be had: files that are none, classes that are another thing, functions that fail."""

from __future__ import annotations

import random
from pathlib import Path

RULE = """
from typing import NamedTuple


class MyRule(NamedTuple):
    decay: float = 0.9

    @staticmethod
    def synapse(params, trace, weight, pre, post, reward, draw):
        trace = params.decay * trace + post * pre
        return trace, reward * trace
"""
TASK = """
from typing import ClassVar, Literal

import numpy as np
from pydantic import Field

from neuroperturb.tasks.contract import Sequence, Task
from neuroperturb.tasks.trials import SignTrials, blank, signs


class Twice(Task):
    schedule: ClassVar[Literal["online", "episode"]] = "episode"
    default_batch_size: ClassVar[int] = 2
    name: Literal["twice"] = "twice"
    steps: int = Field(2, ge=1)

    def data(self, seed, batch_size):
        return SignTrials(self._trials, self.name, seed, batch_size, (4, 2, 2))

    def _trials(self, rng, trials):
        sequence = blank(self.steps, trials, 1)
        sequence.inputs[:, :, 0] = shown = signs(rng, self.steps, trials)
        sequence.targets[-1, :, 0] = shown[0]
        sequence.mask[-1] = True
        return sequence
"""
CELL = """
from dataclasses import dataclass

import hardware_models as hw


@dataclass(frozen=True, kw_only=True)
class MyCell(hw.SoftBounds):
    share: float = 0.5
"""
HEAD = """
task = {name = "delayed-xor", steps = 4, cues = [0, 1], trials_per_epoch = 4, validation_trials = 2, test_trials = 2}
network = {size = 2}
training = {epochs = 1, batch_size = 2}
"""
BROKEN = (
    "def f(:\n", "\0", "import nothing_of_that_name\n", "raise ValueError('no')\n", "import sys\nsys.exit()\n",
    "import sys\nsys.exit('no')\n", "exit(3)\n", "1 / 0\n", "class MyRule: pass\nclass MyCell: pass\nclass Twice: pass\n",
    "MyRule = MyCell = Twice = 3\n",
    "", "raise SystemExit\n", "from nothing import *\n", "def MyRule(): pass\n", "raise RecursionError\n", "def f(): f()\nf()\n",
    "class M(type):\n    def __getattr__(self, n): raise OSError(n)\nclass MyRule(metaclass=M): pass\nMyCell = Twice = MyRule\n",
    "# coding: nonsense\n",
    "raise BaseException('no')\n", "raise GeneratorExit\n",
)  # fmt: skip
EDITS = (
    ("0.9", "[]"), ("float = 0.9", "float"), ("decay: float", "decay: str"), ("trace, reward * trace", "trace"),
    ("return trace", "return None, trace"),
    ("reward * trace", "reward * missing"), ("params.decay", "params.dekay"), ("(NamedTuple)", ""), ("@staticmethod", "@property"),
    ("weight, pre", "weight, foreign"), (", draw)", ")"), ("post * pre", "post * pre + print(1)"), ("reward * trace", "1 / 0"),
    ("post * pre", "open('x')"), ("def synapse", "def sinapse"), ("reward * trace", "'text'"), ("int = Field(2, ge=1)", "int = 0"),
    ("blank(self.steps, trials, 1)", "None"), ("shown[0]", "np.nan"), ("(4, 2, 2)", "(0, 0, 0)"),
    ("return SignTrials", "raise OSError('no disk')  #"),
    ("return SignTrials", "SignTrials"), ("sequence.mask[-1] = True", "sequence = sequence._replace(mask=3)"), ("def data", "def date"),
    ("self._trials, self", "None, self"), ('"twice"', '"weather"'), ("(hw.SoftBounds)", ""), ("float = 0.5", "dict"), ("share: float", "dw_min: str"),
    ("share: float = 0.5", "share: float"), ("@dataclass(frozen=True, kw_only=True)", ""), ("blank(self.steps", "blank(-self.steps"),
    ("blank(self.steps", "blank(10**12 * self.steps"), ("shown[0]", "1e300"), ("trials, 1)", "trials, 0)"),
)  # fmt: skip


def code_case(Case, draw: random.Random, material, before):
    """A rule, a task or a cell of one's own that cannot be had."""
    noun, file, cls, text = draw.choice(
        [
            ("rule", "mine.py", "MyRule", RULE),
            ("task", "mine.py", "Twice", TASK),
            ("hardware", "mine.py", "MyCell", CELL),
        ]
    )
    files, way = dict(material.files), draw.choice(["broken", "edited", "edited", "name", "bytes", "place"])
    place = f"{file}:{cls}"
    if way == "broken":
        source = draw.choice(BROKEN)
        content, way = source.encode(), f"{way}: {source[:40]!r}"
    elif way == "edited":
        old, new = draw.choice([edit for edit in EDITS if edit[0] in text])
        content, way = text.replace(old, new).encode(), f"{old!r} is {new!r}"
    elif way == "bytes":
        content = draw.choice(
            [files["noise.bin"], text.encode("utf-16"), b"\xff" + text.encode(), text.encode()[: len(text) // 2]]
        )
    else:
        content = text.encode()
    if way == "name":
        place = f"{file}:{draw.choice([cls.lower(), cls + 's', '', 'np', 'NamedTuple', '__class__', 'a.b', 'a b', cls + ':' + cls, '__name__'])}"
    if way == "place":
        place = draw.choice(
            [
                "folder:X",
                "folder.py:X",
                f"./{place}",
                f"folder/../{place}",
                "mine:" + cls,
                "/mine.py:X",
                "..:X",
                "os:path",
                "json:JSONDecoder",
                "a" * 300 + ":X",
                "loop.py:X",
            ]
        )
    files["mine.py"] = content
    key = {"rule": "rule", "task": "task", "hardware": "hardware"}[noun]
    file_text = HEAD.replace("task =", "#") if noun == "task" else HEAD
    files["case.toml"] = f'{key} = "{place}"\n{file_text}'.encode()
    commands = [
        ["run", "case.toml", "--quiet"],
        ["run", "ok.toml", "--quiet", *(("--set", f"task={place}") if noun == "task" else (f"--{noun}", place))],
    ]
    commands += (
        [["audit", place]]
        if noun == "rule" and draw.random() < 0.2
        else [["device", place]]
        if noun == "hardware"
        else []
    )

    def prepared() -> None:
        Path("loop.py").symlink_to("loop.py")
        Path("folder.py").mkdir()
        before()

    return Case(f"{noun}: {way}", draw.choice(commands), files, prepared)
