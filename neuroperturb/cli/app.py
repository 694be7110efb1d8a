"""The command line: the list of commands, and the file of each.

A command is a function in a file of this folder and a line in :data:`COMMANDS`; its arguments are Typer's, its docstring is its help,
and the number it returns is the exit code. Its file is imported only when it is called, so that the list of commands appears at once.
"""

from __future__ import annotations

import gc
import importlib
import sys
import traceback
from importlib import metadata
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup

# name: file and function, and the first line of the function's help
COMMANDS = {
    "run": ("run:run", "Train a network, compare it with baselines, and save a record and a figure."),
    "list": ("listing:list_", "List tasks, rules, hardware, studies and notebooks by their names."),
    "explain": ("explain:explain", "Explain a setting, with its default and an example; or a word of a report; or list what can be explained."),
    "new": ("new:new", "Write an experiment as a TOML file to edit, with a comment on every setting; or copy a study or a notebook."),
    "report": ("report:report", "Print a run's record and redraw its learning curve, or write the page, figures and tables of a study or a search."),
    "tune": ("tune:tune", "Tune hyperparameters by validation loss in every cell of a study, or resume the search."),
    "study": ("study:study", "Run a study, or resume it: finished runs are not repeated."),
    "deploy": ("deploy:deploy", "Program the trained weights on other chips and test them; each seed is a chip."),
    "predict": ("predict:predict", "Predict from another file of data, in its own units, and write a CSV."),
    "age": ("age:age", "Test a trained network an hour, a day, a month and a year after programming, with and without drift compensation."),
    "device": ("device:device", "Draw a device card: pulses, steps, symmetry point, states, read error, drift over a year; a table and a figure."),
    "neurobench": ("neurobench:neurobench", "NeuroBench's metrics of a run on its test data: footprint, sparsity, synaptic operations."),
    "export": ("export:export", "Write the trained network as a graph of NIR, the neuromorphic intermediate representation (extra: nir)."),
    "advise": ("advise:advise", "Say what limits learning on a device, which writing the evidence recommends for it, and what that costs."),
    "align": ("align:align", "Measure how closely, and with how much noise, rules follow the gradient: a table, a figure and a CSV."),
    "audit": ("audit:audit", "Is a rule local, what would it cost on chip, and which engines could run it?"),
    "verify": ("verify:verify", "Check the training kernels and the presets against recorded cases and pulse curves; exit 1 on a mismatch."),
    "bench": ("bench:bench", "Benchmark the kernels against plain compiled loops, in this process, on this machine."),
    "cache": ("cache:cache", "Show, or delete, the compiled kernels cached on disk."),
}  # fmt: skip
GARBAGE = (
    100_000,
    20,
    20,
)  # objects between two looks for cycles: Python's default of 700 costs a tenth of a short command
UsageError: Any = typer.BadParameter.__base__  # of the parser that Typer brings
HELP = {"help_option_names": ["-h", "--help"]}
BUG = "This is a bug in neuroperturb: please report it with the lines above (where: see CITATION.cff)."


class LateCommand(TyperCommand):
    """A name and a line of help; the full command is imported when it is called, even if only for its help.

    Parameters
    ----------
    name : on the command line
    place : ``"file:function"`` in this folder
    line : of help
    """

    def __init__(self, name: str, place: str, line: str):
        super().__init__(name, help=line)
        self.place = place

    def make_context(self, info_name, args, parent=None, **extra):
        """The context of the full command, which is what then runs."""
        return self.whole().make_context(info_name, args, parent, **extra)

    def whole(self):
        """The command with its arguments."""
        file, _, function = self.place.partition(":")
        answered = importlib.import_module("neuroperturb.cli.terminal").answered
        one = typer.Typer(add_completion=False, pretty_exceptions_enable=False, context_settings=HELP)
        one.command(self.name)(answered(getattr(importlib.import_module(f"neuroperturb.cli.{file}"), function)))
        return typer.main.get_command(one)


class Commands(TyperGroup):
    """All commands of the table above; a command that was typed wrongly is one sentence, like any other bad input."""

    def __init__(self, **attributes):
        super().__init__(**attributes)
        for name, (place, line) in COMMANDS.items():
            self.add_command(LateCommand(name, place, line))

    def main(self, *arguments: Any, standalone_mode: bool = True, **more: Any) -> Any:
        """Parse and run; the exit code, with which the process ends unless `standalone_mode` is off."""
        if not standalone_mode:
            return super().main(*arguments, standalone_mode=False, **more)
        try:
            code = super().main(*arguments, standalone_mode=False, **more)
        except UsageError as error:
            _explain(error)
            sys.exit(error.exit_code)
        except typer.Abort:
            sys.exit(130)
        sys.exit(code if isinstance(code, int) else 0)


def _explain(error: Exception) -> None:
    """What is wrong with a command, and where its help is; the help itself, if nothing was asked."""
    if type(error).__name__ == "NoArgsIsHelpError":
        error.show()
        return
    words = (
        error.ctx.command_path.split()[1:] if error.ctx is not None else ()
    )  # the first is what the program is called here
    path = " ".join(["neuroperturb", *words])
    text = " ".join(error.format_message().split())
    importlib.import_module("neuroperturb.cli.terminal").warn(
        f"{text}{'' if text.endswith(('.', '?', '!')) else '.'} For help: {path} -h."
    )


app = typer.Typer(cls=Commands, no_args_is_help=True, pretty_exceptions_enable=False, context_settings=HELP)


def _version(asked: bool) -> None:
    if asked:
        print(f"neuroperturb {metadata.version('neuroperturb')}")
        raise typer.Exit


@app.callback()
def neuroperturb(
    version: Annotated[
        bool, typer.Option("--version", help="Print the version.", callback=_version, is_eager=True)
    ] = False,
) -> None:
    """Will this learning rule still learn on that hardware? Recurrent networks trained by perturbation."""


def main() -> None:
    """Entry point of the `neuroperturb` command; an exception that no command turned into a sentence is a bug and is printed in full."""
    gc.set_threshold(*GARBAGE)
    terminal = importlib.import_module("neuroperturb.cli.terminal")
    terminal.speak_any_letter()
    try:
        app(prog_name="neuroperturb")
        sys.stdout.flush()
    except OSError as error:  # of help, which no command prints
        sys.stdout = None  # what is buffered would fail again
        terminal.warn(f"The output cannot be written ({error.strerror}).")
        sys.exit(terminal.BAD_INPUT)
    except Exception:
        traceback.print_exc()
        print(BUG, file=sys.stderr)
        sys.exit(1)
