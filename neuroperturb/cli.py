"""The command line: run, list, report, device, verify, bench.  No science inside, nothing heavy until it is needed."""

from __future__ import annotations

import contextlib
import itertools
import os
import re
import signal
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, NamedTuple

import typer

if TYPE_CHECKING:
    from neuroperturb.config import Experiment
    from neuroperturb.run import Run
    from neuroperturb.training import Progress, Trainer

DIVERGED, BAD_INPUT, INTERRUPTED = 3, 2, 130  # exit codes beside 0
LINE_EVERY = 2.0  # seconds between lines of progress where there is no terminal
CHECKPOINT_EVERY = 300.0  # seconds between saves of a run that is still going

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Will this learning rule still learn on that hardware? Recurrent networks trained by perturbation.",
)


def main() -> None:
    """Entry point of the `neuroperturb` command."""
    app(prog_name="neuroperturb")


# ----------------------------------------------------------------------------------------------------------------------
# Commands


@app.command()
def run(
    source: Annotated[
        str, typer.Argument(metavar="TASK|FILE.toml|RUN.nc", help="What to train; see `neuroperturb list`.")
    ],
    rule: Annotated[str | None, typer.Option(help="Learning rule, in the place of the source's own.")] = None,
    hardware: Annotated[
        str | None, typer.Option(help="What it runs on: a preset or a kind of cell, e.g. reram-es; see `list`.")
    ] = None,
    backend: Annotated[
        str | None,
        typer.Option(help="Spiking neurons, simulated by the compiled kernel (spiking) or by Brian2 (brian2)."),
    ] = None,
    show_equations: Annotated[
        bool, typer.Option("--show-equations", help="Print the model of spiking neurons, and do not train.")
    ] = False,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="Any setting, e.g. rule.noise_std=0.01; repeatable."),
    ] = None,
    epochs: Annotated[int | None, typer.Option(help="Presentations of the training data.")] = None,
    seed: Annotated[int | None, typer.Option(help="Makes everything random about the run.")] = None,
    baselines: Annotated[
        bool, typer.Option("--baselines", help="Also ridge, echo state, BPTT and the frozen-recurrence control.")
    ] = False,
    ablate: Annotated[
        bool, typer.Option("--ablate", help="Also the run with each non-ideality alone, and with each one removed.")
    ] = False,
    out: Annotated[
        Path | None, typer.Option(help="Folder, or file ending in .nc, of the record. Default: runs/")
    ] = None,
    resume: Annotated[bool, typer.Option("--resume", help="Continue the interrupted run of this experiment.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print the final table only.")] = False,
) -> None:
    """Train, compare, and leave a record and a picture.

    TASK starts from settings that learn; FILE.toml holds an experiment; RUN.nc repeats a run, or continues it with
    --resume.

    Exit code: 0 done, 2 bad input, 3 the loss stopped being finite (recorded), 130 interrupted (recorded; --resume
    continues).
    """
    extra = [f"training.{key}={value}" for key, value in (("epochs", epochs), ("seed", seed)) if value is not None]
    with _one_sentence():
        job = _prepare(source, rule, hardware, backend, [*(assign or []), *extra], out, resume)
        _check_ablation(job, ablate)
        equations = _equations(job) if show_equations else None
    if equations is not None:
        _say(equations)
        raise typer.Exit()
    if not quiet:
        _say(_configuration(job.experiment))
    with _one_sentence():
        dataset = job.experiment.task.data(job.experiment.training.seed, job.experiment.training.batch_size)
        trainer = _trainer(job, dataset)
        _check_writable(job.target)
    if getattr(trainer, "warning", ""):
        _warn(f"{trainer.warning}")
    interrupted = _train(trainer, job.target, quiet)
    record = trainer.run()
    _save(record, job.target)
    if not interrupted:
        finished = record.status == "finished"
        _compare(trainer, record, job, [baselines and finished, ablate and finished], quiet)
    _finish(record, job)
    raise typer.Exit(INTERRUPTED if interrupted else DIVERGED if record.status == "diverged" else 0)


@app.command("list")
def list_() -> None:
    """Tasks, rules and hardware, by the names that `run` and TOML files know."""
    import hardware_models as hw
    from neuroperturb import baselines, recipes, rules, tasks

    _say("Tasks")
    for name, task in tasks.TASKS.items():
        own = recipes.RECIPES.get(name, {}).get("rule", {}).get("name", "")
        _say(f"  {name:<20} {_first_line(task)}" + (f" [{own}]" if own else ""))
    _say("\nRules")
    for name, make in rules.RULES.items():
        _say(f"  {name:<20} {_first_line(make)}")
    for name, plain in rules.DECORRELATED.items():
        _say(f"  {name:<20} {plain} with decorrelation of the state.")
    _say(f"  {'bptt':<20} The exact gradient: true BPTT, or BPTT(k) with rule.window=k.")
    for name, rule in baselines.FORWARD.items():
        _say(f"  {name:<20} {_first_line(rule)}")
    _say("\nHardware")
    for name, preset in hw.PRESETS.items():
        _say(f"  {name:<24} {preset.technology}")
    for name, cell in hw.CELLS.items():
        _say(f"  {name:<24} {_first_line(cell)}")
    _say("\nRun one with: neuroperturb run TASK --rule RULE --hardware HARDWARE")
    _say("In brackets: the rule a task's own settings use. What a device does: neuroperturb device HARDWARE")


@app.command()
def report(
    record: Annotated[Path, typer.Argument(metavar="RUN.nc|STUDY", help="A record, or the folder of a study.")],
    figure: Annotated[bool, typer.Option(help="Write the learning curve beside the record.")] = True,
    out: Annotated[Path | None, typer.Option(help="Folder of a study's report. Default: STUDY/report")] = None,
) -> None:
    """Print a run's record and draw its learning curve again, or write a study's page, figures and tables."""
    with _one_sentence():
        if record.is_dir():
            from neuroperturb.study import command

            command.report(record, out, _say)
            return
        from neuroperturb import plots
        from neuroperturb.run import load

        loaded = load(record)
        _say(loaded.report())
        if figure:
            _say(f"\nfigure    {plots.save(loaded, record.with_suffix('.png'))}")


@app.command()
def tune(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="A study with a table [tune].")],
    out: Annotated[Path | None, typer.Option(help="Folder of its runs. Default: runs/NAME")] = None,
    storage: Annotated[
        str | None, typer.Option(metavar="URL", help="Database of trials, as Optuna spells it. Default: in the folder")
    ] = None,
    trials: Annotated[int | None, typer.Option(min=1, help="Settings tried in each cell.")] = None,
    workers: Annotated[int, typer.Option(min=1, help="Settings tried side by side; with one, the same each time.")] = 1,
    small: Annotated[bool, typer.Option("--small", help="The study's small form: minutes, not hours.")] = False,
) -> None:
    """Search settings by validation loss in every cell of a study, or go on with it.

    Exit code: 0 done, 2 bad input, 130 interrupted (the same command goes on).
    """
    with _one_sentence(), _stop_request() as stop:
        from neuroperturb.study import command

        code = command.search(
            file, out=out, storage=storage, trials=trials, workers=workers, small=small, stop=lambda: bool(stop),
            say=_say,
        )  # fmt: skip
    raise typer.Exit(code)


@app.command()
def study(
    file: Annotated[Path, typer.Argument(metavar="FILE.toml", help="What to run: a base, axes, seeds.")],
    out: Annotated[Path | None, typer.Option(help="Folder of its runs. Default: runs/NAME")] = None,
    workers: Annotated[int | None, typer.Option(help="Runs side by side. Default: one a processor.")] = None,
    scheduler: Annotated[str | None, typer.Option(metavar="tcp://HOST:PORT", help="Run on a Dask cluster.")] = None,
    shard: Annotated[str | None, typer.Option(metavar="i/N", help="Only part i of N, for a batch system.")] = None,
    small: Annotated[bool, typer.Option("--small", help="The study's small form: minutes, not hours.")] = False,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Check everything, say the size, run nothing.")] = False,
    retry_failed: Annotated[bool, typer.Option("--retry-failed", help="Try again what could not be run.")] = False,
    quiet: Annotated[bool, typer.Option("--quiet", help="Print how it ended only.")] = False,
) -> None:
    """Run a study, or go on with it: what is done already is not done again.

    Exit code: 0 done, 1 done but some runs failed, 2 bad input, 130 interrupted (the same command goes on).
    """
    with _one_sentence(), _stop_request() as stop:
        from neuroperturb.study import command

        code = command.conduct(
            file, out=out, workers=workers, scheduler=scheduler, shard=shard, small=small, dry_run=dry_run,
            retry_failed=retry_failed, quiet=quiet, stop=lambda: bool(stop), say=_say,
        )  # fmt: skip
    raise typer.Exit(code)


@app.command()
def deploy(
    record: Annotated[Path, typer.Argument(metavar="RUN.nc", help="A record that `run` wrote.")],
    chip: Annotated[
        list[int] | None,
        typer.Option(metavar="SEED", help="A chip to program the weights on; repeatable. [default: 1 … 5]"),
    ] = None,
    hardware: Annotated[str | None, typer.Option(help="Other hardware than the run's own, by name.")] = None,
) -> None:
    """Program the trained weights on other chips, and test them: a chip is a seed."""
    with _one_sentence():
        from neuroperturb import deployment
        from neuroperturb.run import load

        _say(_losses(deployment.deploy(load(record), chip or range(1, 6), hardware=_chip(hardware))))


@app.command()
def age(
    record: Annotated[Path, typer.Argument(metavar="RUN.nc", help="A record that `run` wrote.")],
    hardware: Annotated[str | None, typer.Option(help="Program the weights on this hardware first, by name.")] = None,
    assign: Annotated[
        list[str] | None,
        typer.Option("--set", metavar="KEY=VALUE", help="e.g. hardware.time.drift.nu=0.05; repeatable."),
    ] = None,
    after: Annotated[
        list[float] | None,
        typer.Option(
            metavar="SECONDS", help="An age to test at; repeatable. [default: an hour, a day, a month, a year]"
        ),
    ] = None,
    out: Annotated[Path, typer.Option(help="Folder of the figure.")] = Path("."),
) -> None:
    """Test a trained network after an hour, a day, a month and a year, with and without compensation of what it lost.

    A table, and a PNG.
    """
    with _one_sentence():
        from neuroperturb import ageing_figure, config, deployment
        from neuroperturb.run import load

        loaded = load(record)
        table = config.plain(loaded.experiment)
        table = table if hardware is None else {**table, "hardware": hardware}
        other = config.resolve(table, assign or []).hardware if hardware or assign else None
        ages = deployment.age(loaded, after or None, hardware=other)
        out.mkdir(parents=True, exist_ok=True)
        title = f"{config.label(loaded.experiment)} on {loaded.experiment.task.name}"
        figure = ageing_figure.save(ages, title, out / f"{record.stem}_age.png")
        ends = (
            "" if after or len(ages) > len(deployment.TIMES) else "\n\nThese cells were measured no longer than that."
        )
        _say(f"{_losses(ages)}{ends}\n\nfigure  {figure}")


def _chip(name: str | None):
    from neuroperturb import hardware

    return None if name is None else hardware.read(name)


def _losses(frame) -> str:
    """A table of losses and metrics."""
    from neuroperturb.report import grid, number

    return grid({name: frame[name].map(number if frame[name].dtype.kind in "fi" else str) for name in frame.columns})


@app.command()
def device(
    hardware: Annotated[
        str, typer.Argument(metavar="NAME|FILE.csv", help="A preset, a kind of cell, or measured pulses.")
    ],
    out: Annotated[Path, typer.Option(help="Folder of the figure.")] = Path("."),
    seed: Annotated[int, typer.Option(help="Which chip.")] = 0,
) -> None:
    """Draw a device card: pulses, steps, symmetry point, states, read error, drift over a year; a table and a PNG."""
    with _one_sentence():
        import hardware_models as hw
        from neuroperturb import device_card

        measured = hw.Measured.from_csv(hardware) if hardware.endswith(".csv") else None
        card = hw.card(hardware if measured is None else measured, seed=seed)
        out.mkdir(parents=True, exist_ok=True)
        figure = device_card.save(card, out / f"{Path(hardware).stem}.png")
    _say(f"{card}\n\nfigure  {figure}")


@app.command()
def align(
    rules: Annotated[list[str], typer.Argument(metavar="RULE…", help='Rules by name; "anp published" names a form.')],
    task: Annotated[
        str | None, typer.Option(help="Its first trials. Default: random ones, a loss at every step.")
    ] = None,
    hardware: Annotated[str | None, typer.Option(help="What it runs on, by name.")] = None,
    samples: Annotated[int, typer.Option(help="Presentations averaged over.")] = 40_000,
    trials: Annotated[int, typer.Option(min=1, help="Different trials in one sample.")] = 1,
    noise_std: Annotated[float | None, typer.Option(help="σ of every rule. Default: its own.")] = None,
    size: Annotated[int | None, typer.Option(min=1, help="Hidden units.")] = None,
    steps: Annotated[int | None, typer.Option(min=1, help="Steps of a random trial; a task's are cut.")] = None,
    over: Annotated[str | None, typer.Option(help="samples, noise_std, size, steps or hardware.")] = None,
    values: Annotated[str | None, typer.Option(metavar="A,B,…", help="Where; a few by default.")] = None,
    out: Annotated[Path, typer.Option(help="Folder of the figure and the table.")] = Path("."),
    seed: Annotated[int, typer.Option(help="Makes weights, trials and perturbations.")] = 0,
) -> None:
    """Measure how well and how noisily rules follow the gradient: a table, a PNG and a CSV."""
    with _one_sentence():
        from neuroperturb import alignment

        alignment.say(
            rules, out, _say, _warn, values, task=task, hardware=hardware, samples=samples, trials=trials,
            noise_std=noise_std, size=size, steps=steps, over=over, seed=seed,
        )  # fmt: skip


@app.command()
def audit(
    rule: Annotated[
        str, typer.Argument(metavar="RULE", help='By name; "anp published" names a form, module:Class your own.')
    ],
    assign: Annotated[
        list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="e.g. rule.step=plain; repeatable.")
    ] = None,
    bits: Annotated[int, typer.Option(min=1, help="Of every number sent or kept, in the costs.")] = 8,
    fixed_point: Annotated[
        bool, typer.Option("--fixed-point", help="Also run it in 8-bit weights, 7-bit traces and a 15-bit accumulator.")
    ] = False,
    rounding: Annotated[str, typer.Option(help="Of that run: shared or independent random numbers.")] = "shared",
    seed: Annotated[int, typer.Option(help="Of the tests.")] = 0,
    json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False,
) -> None:
    """Is a rule local, what would it cost on chip, and which engines could run it?

    Exit code: 0 done, 1 the compiled kernels do otherwise than the formulas say, 2 bad input.
    """
    with _one_sentence():
        from neuroperturb.auditing import command

        code = command.conduct(
            rule, assign or [], bits=bits, seed=seed, fixed_point=fixed_point, rounding=rounding, json=json, say=_say
        )  # fmt: skip
    raise typer.Exit(code)


@app.command()
def verify(files: Annotated[list[Path], typer.Argument(metavar="FILE.npz…", help="Recorded cases.")]) -> None:
    """Replay recorded cases through the kernels that train, pulse curves through the presets; exit 1 on a mismatch."""
    with _one_sentence():
        from neuroperturb import verify as verification

        code = verification.main(files)
    raise typer.Exit(code)


@app.command()
def bench(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Measure the kernels against plain compiled loops, in this process, on this machine."""
    from neuroperturb import bench as benchmark

    raise typer.Exit(benchmark.main(json))


# ----------------------------------------------------------------------------------------------------------------------
# From arguments to a job


class Job(NamedTuple):
    """What one `run` command does."""

    experiment: Experiment
    target: Path
    previous: Run | None  # continued
    original: Run | None  # repeated, to be compared with


def _prepare(
    source: str, rule: str | None, hardware: str | None, backend: str | None, overrides: list[str], out: Path | None, resume: bool
) -> Job:  # fmt: skip
    from neuroperturb import config, recipes

    original = _record(source)
    table = config.plain(original.experiment) if original else _table(source, backend)
    if rule is not None:
        table = recipes.with_rule(table, rule)
    if hardware is not None:
        table = {**table, "hardware": hardware}
    if backend is not None:
        from neuroperturb.spiking.recipes import with_backend

        table = with_backend(table, backend)
    experiment = config.resolve(table, overrides, Path(source).parent if Path(source).is_file() else None)
    repeated = original is not None and experiment == original.experiment
    if original is not None and resume and out is None:
        target = Path(source)
    else:
        target = _target(experiment, out, Path(source) if repeated else None)
    previous = _continued(original or _existing(target), experiment, target) if resume else None
    return Job(experiment, target, previous, original if repeated and not resume else None)


def _check_ablation(job: Job, ablate: bool) -> None:
    from neuroperturb import ablation
    from neuroperturb.spec import SpecError

    chip = job.experiment.hardware
    if ablate and (chip is None or not ablation.sources(chip)):
        raise SpecError(
            "The '--ablate' option takes hardware apart, and this run has none: choose some with '--hardware'."
        )


def _equations(job: Job) -> str:
    """The model of spiking neurons, as text."""
    from neuroperturb.spec import SpecError

    if job.experiment.spiking is None:
        raise SpecError(
            "The '--show-equations' option prints spiking neurons, and this run has none: choose a '--backend'."
        )
    from neuroperturb.spiking.show import show

    return show(job.experiment)


def _table(source: str, backend: str | None) -> dict:
    from neuroperturb import config, recipes, tasks
    from neuroperturb.spec import SpecError, suggest

    if source in tasks.TASKS and backend is not None:
        from neuroperturb.spiking.recipes import recipe

        return recipe(source)
    if source in tasks.TASKS:
        return recipes.recipe(source)
    if source.endswith(".toml") or Path(source).is_file():
        return config.read_table(source)
    raise SpecError(f"There is no task or file {source!r}. {suggest(source, tasks.TASKS)}")


def _record(source: str) -> Run | None:
    """The run in a file, where the source is one."""
    if not source.endswith(".nc"):
        return None
    from neuroperturb.run import load

    return load(source)


def _target(experiment: Experiment, out: Path | None, repeated: Path | None) -> Path:
    """Where the record goes: a file name says what it is, and differs for different experiments."""
    from neuroperturb import config

    if out is not None and out.suffix == ".nc":
        return out
    if repeated is not None and out is None:
        return repeated.with_name(f"{repeated.stem}-repeat.nc")
    words = f"{experiment.task.name}-{config.label(experiment)}-{config.digest(experiment)}"
    return (out or Path("runs")) / (re.sub(r"[^\w.]+", "-", words) + ".nc")


def _existing(target: Path) -> Run:
    from neuroperturb.run import load
    from neuroperturb.spec import SpecError

    if not target.exists():
        raise SpecError(f"There is nothing to resume: no run of this experiment at {str(target)!r}.")
    return load(target)


def _continued(previous: Run, experiment: Experiment, target: Path) -> Run:
    """Check that a record can be continued as this experiment: `epochs` may grow, where no schedule depends on it."""
    from neuroperturb.spec import SpecError

    old, new = previous.experiment.training.epochs, experiment.training.epochs
    same = experiment.replace(training=experiment.training.replace(epochs=old)) == previous.experiment
    if not same:
        raise SpecError(
            "The '--resume' option continues a run with its own settings; leave out the others, --epochs excepted."
        )
    rate = getattr(experiment.rule, "rate", None)
    if new != old and rate is not None and rate.kind != "constant":
        raise SpecError(
            "The '--epochs' option cannot change a run whose learning rate follows a schedule over all epochs."
        )
    if previous.status == "diverged" or (previous.status == "finished" and new <= old):
        raise SpecError(f"There is nothing to resume: the run {str(target)!r} is {previous.status}.")
    return previous


def _check_writable(target: Path) -> None:
    """Find out before training, not after, whether the record can be written; leave nothing behind."""
    from neuroperturb.run import is_run
    from neuroperturb.spec import SpecError

    if target.is_dir() or (target.exists() and not is_run(target)):
        raise SpecError(f"The '--out' option names {str(target)!r}, which exists and is no run: choose another name.")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with tempfile.TemporaryFile(dir=target.parent):
            pass
    except OSError as error:
        raise SpecError(
            f"The folder {str(target.parent)!r} cannot be written to ({error.strerror}): choose another with '--out'."
        ) from None


def _trainer(job: Job, dataset) -> Trainer:
    from neuroperturb.training import Trainer

    return Trainer(job.experiment, resume=job.previous, dataset=dataset)


# ----------------------------------------------------------------------------------------------------------------------
# Training


def _train(trainer: Trainer, target: Path, quiet: bool) -> bool:
    """Train to the end, showing progress; True if it was stopped before."""
    show = _silent if quiet else _bar if sys.stdout.isatty() else _lines
    saved = time.monotonic()
    with _stop_request() as stop, show() as display:
        for progress in trainer:
            display(progress)
            if stop:
                return True
            if time.monotonic() - saved > CHECKPOINT_EVERY:
                _save(trainer.run(), target)
                saved = time.monotonic()
    return False


@contextlib.contextmanager
def _stop_request() -> Iterator[list]:
    """A list that Ctrl-C or SIGTERM fills, so that training stops between two chunks; a second one stops at once."""
    stop: list[int] = []
    before = {}

    def request(number, frame):
        del frame
        stop.append(number)
        restore()
        _warn("stopping after this chunk; once more to stop at once")

    def restore():
        for number, handler in before.items():
            signal.signal(number, handler)

    with contextlib.suppress(ValueError):  # only the main thread may set handlers
        for number in (signal.SIGINT, signal.SIGTERM):
            before[number] = signal.signal(number, request)
    try:
        yield stop
    finally:
        restore()


@contextlib.contextmanager
def _silent():
    yield lambda progress: None


@contextlib.contextmanager
def _lines():
    """Lines of progress for a log: the first at once, then every few seconds."""
    _say("compiling kernels, a few seconds")
    last = [-float("inf"), ""]

    def display(progress: Progress) -> None:
        done = progress.step >= progress.steps
        line = _progress_line(progress)
        if done or time.monotonic() - last[0] >= LINE_EVERY:
            last[:] = time.monotonic(), line
            _say(line)

    yield display


@contextlib.contextmanager
def _bar():
    """A live bar for a terminal."""
    from rich.progress import BarColumn, TextColumn
    from rich.progress import Progress as Bar

    columns = (TextColumn("{task.description}"), BarColumn(bar_width=24), TextColumn("{task.fields[line]}"))
    with Bar(*columns, transient=False) as bar:
        task = bar.add_task("training", total=None, line="compiling kernels, a few seconds")

        def display(progress: Progress) -> None:
            bar.update(task, total=progress.steps, completed=progress.step, line=_progress_line(progress))

        yield display


def _progress_line(progress: Progress) -> str:
    from neuroperturb.report import number

    validation = number(progress.validation)
    parts = [
        f"epoch {progress.epoch}/{progress.epochs}",
        f"loss {number(progress.loss) or '–'}",
        f"validation {validation}" if validation else "",
        f"{progress.rate:,.0f} steps/s" if progress.rate > 0 else "",
        f"{_duration(progress.left)} left" if progress.rate > 0 else "",
    ]
    return "  ".join(part for part in parts if part)


def _duration(seconds: float) -> str:
    if not 0 <= seconds < 1e7:
        return "?"
    minutes, rest = divmod(round(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    return f"{hours} h {minutes:02d} min" if hours else f"{minutes} min {rest:02d} s" if minutes else f"{rest} s"


# ----------------------------------------------------------------------------------------------------------------------
# Afterwards


def _compare(trainer: Trainer, record: Run, job: Job, wanted: list[bool], quiet: bool) -> None:
    """Add the row of the rule and those beside it; what is done is saved even if the rest is stopped.

    wanted : whether to compare with baselines, and with an ablation
    """
    from neuroperturb import ablation, comparison

    dataset = trainer.dataset
    rows = [comparison.result_row(trainer, record), *comparison.trivial_rows(dataset)]
    plans = [room.plan(job.experiment, dataset) for room, on in zip((comparison, ablation), wanted, strict=True) if on]
    try:
        for name, compute in itertools.chain(*plans):
            if not quiet:
                _say(f"comparing with {name}")
            rows.append(compute())
    finally:
        record.set_results(rows)
        _save(record, job.target)


def _finish(record: Run, job: Job) -> None:
    from neuroperturb import plots, report
    from neuroperturb.run import differences

    _say("\n" + report.headline(record))
    for part in (report.results_table(record), report.hardware(record), report.ablation_table(record)):
        if part:
            _say("\n" + part)
    if job.original is not None and job.original.status == record.status == "finished":
        changed = [key for key in differences(job.original, record) if not key.startswith("results/")]
        same_machine = job.original.cpu == record.cpu and job.original.versions == record.versions
        where = "" if same_machine else " (recorded with another processor or other versions, so bits may differ)"
        _say("repeat    bit for bit the same" if not changed else f"repeat    differs in {', '.join(changed)}{where}")
    with _one_sentence():
        _say(f"record    {job.target}")
        if len(record.history):
            _say(f"figure    {plots.save(record, job.target.with_suffix('.png'))}")


def _save(record: Run, target: Path) -> None:
    with _one_sentence():
        record.save(target)


def _configuration(experiment: Experiment) -> str:
    from neuroperturb.report import configuration

    return configuration(experiment) + "\n"


# ----------------------------------------------------------------------------------------------------------------------
# Words


@contextlib.contextmanager
def _one_sentence() -> Iterator[None]:
    """What is wrong with the input, or the disk, is one sentence and exit code 2; anything else is a bug and shows."""
    try:
        yield
    except (ValueError, OSError, ImportError) as error:
        _warn(_sentence(error))
        raise typer.Exit(BAD_INPUT) from None


def _sentence(error: Exception) -> str:
    if isinstance(error, OSError) and error.strerror:
        name = f"{os.fspath(error.filename)!r}: " if isinstance(error.filename, str | os.PathLike) else ""
        return f"{name}{error.strerror}."
    return " ".join(str(error).split()) or type(error).__name__


def _say(text: str) -> None:
    print(text, flush=True)


def _warn(text: str) -> None:
    print(f"neuroperturb: {text}", file=sys.stderr, flush=True)


def _first_line(thing) -> str:
    return (thing.__doc__ or "").strip().split("\n")[0]


if __name__ == "__main__":
    main()
