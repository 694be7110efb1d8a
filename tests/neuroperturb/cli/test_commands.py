"""The table of commands: each is a file and a line, is imported when it is called, and ends in an exit code."""

from __future__ import annotations

import ast
import importlib
import inspect
import os
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from neuroperturb import cli
from neuroperturb.cli import app as commands
from neuroperturb.cli import names as completed
from neuroperturb.cli import setting_names as of_settings
from neuroperturb.cli import terminal
from neuroperturb.spec import InputError, SpecError

HELLO = '''
from typing import Annotated
import typer
from neuroperturb.cli.terminal import say

def hello(name: Annotated[str, typer.Option(help="Whom to greet.")] = "you", code: int = 0) -> int:
    """Greet somebody.

    Exit code: whatever is asked for.
    """
    say(f"hello, {name}")
    return code
'''


def function_of(place):
    file, _, name = place.partition(":")
    return getattr(importlib.import_module(f"neuroperturb.cli.{file}"), name)


def invoke(*arguments):
    return CliRunner().invoke(commands.app, [str(argument) for argument in arguments])


@pytest.fixture
def new_command(monkeypatch, tmp_path):
    """A file in the folder of commands, with this text; and its line in the table."""

    def add(text, function):
        (tmp_path / f"{function}.py").write_text(text)
        monkeypatch.setattr(cli, "__path__", [*cli.__path__, str(tmp_path)])
        monkeypatch.setitem(commands.COMMANDS, function, (f"{function}:{function}", "Greet somebody."))
        monkeypatch.delitem(sys.modules, f"neuroperturb.cli.{function}", raising=False)

    return add


@pytest.mark.parametrize("name", commands.COMMANDS)
def test_the_line_of_a_command_is_the_first_of_its_help(name):
    place, line = commands.COMMANDS[name]
    assert inspect.getdoc(function_of(place)).splitlines()[0] == line


def test_the_list_of_commands_imports_none_of_them():
    code = (
        "import sys; from typer.testing import CliRunner; from neuroperturb.cli import app; "
        "assert 'study' in CliRunner().invoke(app.app, ['--help']).output; "
        "print(sorted(m for m in sys.modules if m.startswith('neuroperturb.') or m in ('numba', 'pydantic', 'numpy')))"
    )
    root = Path(cli.__path__[0]).parents[1]
    found = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=root).stdout
    assert ast.literal_eval(found) == ["neuroperturb.cli", "neuroperturb.cli.app"]


def test_a_new_command_is_a_file_and_a_line(new_command):
    new_command(HELLO, "hello")
    assert "Greet somebody." in invoke("--help").output
    assert "neuroperturb.cli.hello" not in sys.modules
    own = invoke("hello", "--help").output
    assert "Whom to greet." in own and "Exit code: whatever is asked for." in own
    result = invoke("hello", "--name", "reader", "--code", 3)
    assert (result.output, result.exit_code) == ("hello, reader\n", 3)
    assert invoke("hello").exit_code == 0
    assert invoke("hello", "--nme", "x").exit_code == 2


def raising(error):
    return f"from neuroperturb.spec import InputError, SpecError\ndef broken():\n    raise {error}\n"


@pytest.mark.parametrize(
    ("error", "sentence"),
    [
        ("InputError('The file is torn.')", "The file is torn."),
        ("SpecError('a.b', 'Thing', 'positive', -1)", "The 'a.b' parameter of Thing must be positive. Got -1 instead."),
        ("FileNotFoundError(2, 'No such file or directory', 'x.toml')", "'x.toml': No such file or directory."),
        ("OSError('the disk is gone')", "OSError: the disk is gone."),
        ("MemoryError()", "There is not enough memory."),
        ("MemoryError('Unable to allocate 7 TiB')", "There is not enough memory: Unable to allocate 7 TiB."),
    ],
)
def test_what_a_person_gave_is_one_sentence(new_command, error, sentence):
    new_command(raising(error), "broken")
    result = invoke("broken")
    assert result.exit_code == terminal.BAD_INPUT
    assert result.stderr == f"neuroperturb: {sentence}\n"


@pytest.mark.parametrize("error", ["ValueError('3')", "KeyError('x')", "RuntimeError('so')", "ImportError('gone')"])
def test_anything_else_is_a_bug_and_shows(new_command, monkeypatch, capsys, error):
    new_command(raising(error), "broken")
    monkeypatch.setattr(sys, "argv", ["neuroperturb", "broken"])
    with pytest.raises(SystemExit) as ended:
        commands.main()
    lines = capsys.readouterr().err.splitlines()
    assert ended.value.code == 1
    assert lines[0] == "Traceback (most recent call last):"
    assert lines[-2].startswith(error.partition("(")[0])
    assert lines[-1] == commands.BUG and "report" in commands.BUG


def test_errors_print_themselves():
    error = SpecError("noise_std", "Rule", "positive", -0.1, hint="Try 0.1.")
    assert isinstance(error, InputError)
    assert (
        str(error.under("rule"))
        == "The 'rule.noise_std' parameter of Rule must be positive. Got -0.1 instead. Try 0.1."
    )


@pytest.mark.parametrize(
    ("words", "names"),
    [
        ("run x --rule np", ["np-p", "np", "np-trace"]),
        ("run we", ["weather"]),
        ("run x --set rule.noise.ki", ["rule.noise.kind="]),
        ("explain fid", ["fidelity"]),
        ("new --study rob", ["robustness"]),
    ],
)
def test_a_shell_completes_names(words, names):
    typed = f"neuroperturb {words}"
    asked = {"_NEUROPERTURB_COMPLETE": "complete_bash", "COMP_WORDS": typed, "COMP_CWORD": str(len(words.split()))}
    told = subprocess.run(
        [sys.executable, "-m", "neuroperturb"], env=os.environ | asked, capture_output=True, text=True, check=True
    )
    assert told.stdout.split() == names


def test_names_are_completed_whatever_their_case_and_values_by_their_setting():
    assert completed.hardware("ReRAM-e") == ["reram-es"]
    assert of_settings.assignments("network.bias=") == ["network.bias=true", "network.bias=false"]
    assert of_settings.assignments("hardware.cells.kind=dig") == [
        f"hardware.cells.kind=digital{end}" for end in ("", "-8", "-6", "-4")
    ]
    assert completed.writings("clo") == ["closed-loop"]
    assert of_settings.words("pulses/") == ["pulses/cell"] and of_settings.notebooks("zzz") == []
