"""The command line: commands and their options. No science inside, nothing heavy until it is needed."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from neuroperturb.cli.terminal import DIVERGED, INTERRUPTED, one_sentence, say, stop_request, warn
from neuroperturb.experiment.toml import plain, resolve

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    help="Will this learning rule still learn on that hardware? Recurrent networks trained by perturbation.",
)


def main() -> None:
    """Entry point of the `neuroperturb` command."""
    app(prog_name="neuroperturb")


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
    from neuroperturb.cli import job

    extra = [f"training.{key}={value}" for key, value in (("epochs", epochs), ("seed", seed)) if value is not None]
    with one_sentence():
        work = job.prepare(source, rule, hardware, backend, [*(assign or []), *extra], out, resume)
        if ablate:
            job.check_ablation(work)
        equations = job.equations(work) if show_equations else None
    if equations is not None:
        say(equations)
        raise typer.Exit()
    if not quiet:
        say(job.configuration(work))
    with one_sentence():
        trainer = job.trainer(work)
    if getattr(trainer, "warning", ""):
        warn(trainer.warning)
    interrupted = job.train(trainer, work.target, quiet)
    record = job.keep(trainer, work.target)
    if not interrupted:
        finished = record.status == "finished"
        job.compare(trainer, record, work, [baselines and finished, ablate and finished], quiet)
    job.finish(record, work)
    raise typer.Exit(INTERRUPTED if interrupted else DIVERGED if record.status == "diverged" else 0)


@app.command("list")
def list_() -> None:
    """Tasks, rules and hardware, by the names that `run` and TOML files know."""
    import hardware_models as hw
    from neuroperturb import baselines, rules, tasks
    from neuroperturb.experiment import recipes

    say("Tasks")
    for name, task in tasks.TASKS.items():
        own = recipes.RECIPES.get(name, {}).get("rule", {}).get("name", "")
        say(f"  {name:<20} {_first_line(task)}" + (f" [{own}]" if own else ""))
    say("\nRules")
    for name, make in rules.RULES.items():
        say(f"  {name:<20} {_first_line(make)}")
    for name, base in rules.DECORRELATED.items():
        say(f"  {name:<20} {base} with decorrelation of the state.")
    say(f"  {'bptt':<20} The exact gradient: true BPTT, or BPTT(k) with rule.window=k.")
    for name, rule in baselines.FORWARD.items():
        say(f"  {name:<20} {_first_line(rule)}")
    say("\nHardware")
    for name, preset in hw.PRESETS.items():
        say(f"  {name:<24} {preset.technology}")
    for name, cell in hw.CELLS.items():
        say(f"  {name:<24} {_first_line(cell)}")
    say("\nRun one with: neuroperturb run TASK --rule RULE --hardware HARDWARE")
    say("In brackets: the rule a task's own settings use. What a device does: neuroperturb device HARDWARE")


@app.command()
def report(
    record: Annotated[Path, typer.Argument(metavar="RUN.nc|STUDY", help="A record, or the folder of a study.")],
    figure: Annotated[bool, typer.Option(help="Write the learning curve beside the record.")] = True,
    out: Annotated[Path | None, typer.Option(help="Folder of a study's report. Default: STUDY/report")] = None,
) -> None:
    """Print a run's record and draw its learning curve again, or write a study's page, figures and tables."""
    with one_sentence():
        if record.is_dir():
            from neuroperturb.cli import study as command

            command.report(record, out, say)
            return
        from neuroperturb.results.figures import learning_curve as plots
        from neuroperturb.results.run import load

        loaded = load(record)
        say(loaded.report())
        if figure:
            say(f"\nfigure    {plots.save(loaded, record.with_suffix('.png'))}")


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
    with one_sentence(), stop_request() as stop:
        from neuroperturb.cli import study as command

        code = command.tune(
            file, out=out, storage=storage, trials=trials, workers=workers, small=small, stop=lambda: bool(stop),
            say=say,
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
    with one_sentence(), stop_request() as stop:
        from neuroperturb.cli import study as command

        code = command.conduct(
            file, out=out, workers=workers, scheduler=scheduler, shard=shard, small=small, dry_run=dry_run,
            retry_failed=retry_failed, quiet=quiet, stop=lambda: bool(stop), say=say,
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
    with one_sentence():
        from neuroperturb.results.run import load
        from neuroperturb.training import deployment

        say(_losses(deployment.deploy(load(record), chip or range(1, 6), hardware=_chip(hardware))))


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
    with one_sentence():
        from neuroperturb.experiment import experiment as config
        from neuroperturb.results.figures import ageing as ageing_figure
        from neuroperturb.results.run import load
        from neuroperturb.training import deployment

        loaded = load(record)
        table = plain(loaded.experiment)
        table = table if hardware is None else {**table, "hardware": hardware}
        other = resolve(table, assign or []).hardware if hardware or assign else None
        ages = deployment.age(loaded, after or None, hardware=other)
        out.mkdir(parents=True, exist_ok=True)
        title = f"{config.label(loaded.experiment)} on {loaded.experiment.task.name}"
        figure = ageing_figure.save(ages, title, out / f"{record.stem}_age.png")
        ends = (
            "" if after or len(ages) > len(deployment.TIMES) else "\n\nThese cells were measured no longer than that."
        )
        say(f"{_losses(ages)}{ends}\n\nfigure  {figure}")


def _chip(name: str | None):
    from neuroperturb.network.chip import chip as hardware

    return None if name is None else hardware.read(name)


def _losses(frame) -> str:
    """A table of losses and metrics."""
    from neuroperturb.results.grid import grid, number

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
    with one_sentence():
        import hardware_models as hw
        from neuroperturb.results.figures import device_card

        measured = hw.Measured.from_csv(hardware) if hardware.endswith(".csv") else None
        card = hw.card(hardware if measured is None else measured, seed=seed)
        out.mkdir(parents=True, exist_ok=True)
        figure = device_card.save(card, out / f"{Path(hardware).stem}.png")
    say(f"{card}\n\nfigure  {figure}")


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
    with one_sentence():
        from neuroperturb.analysis.alignment import align as alignment

        alignment.say(
            rules, out, say, warn, values, task=task, hardware=hardware, samples=samples, trials=trials,
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
    with one_sentence():
        from neuroperturb.cli import audit as command

        code = command.conduct(
            rule, assign or [], bits=bits, seed=seed, fixed_point=fixed_point, rounding=rounding, json=json, say=say
        )  # fmt: skip
    raise typer.Exit(code)


@app.command()
def verify(files: Annotated[list[Path], typer.Argument(metavar="FILE.npz…", help="Recorded cases.")]) -> None:
    """Replay recorded cases through the kernels that train, pulse curves through the presets; exit 1 on a mismatch."""
    with one_sentence():
        from neuroperturb.analysis import verify as verification

        code = verification.main(files)
    raise typer.Exit(code)


@app.command()
def bench(json: Annotated[bool, typer.Option("--json", help="Print JSON.")] = False) -> None:
    """Measure the kernels against plain compiled loops, in this process, on this machine."""
    from neuroperturb.analysis.speed import bench as benchmark

    raise typer.Exit(benchmark.main(json))


def _first_line(thing) -> str:
    return (thing.__doc__ or "").strip().split("\n")[0]


if __name__ == "__main__":
    main()
