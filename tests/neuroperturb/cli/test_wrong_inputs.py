"""What a person can give wrong, command by command: one sentence that says what, exit code 2, nothing left behind."""

from __future__ import annotations

import pytest
import stand_in
from typer.testing import CliRunner

from neuroperturb.cli import app as cli
from neuroperturb.cli import job, terminal
from neuroperturb.experiments.toml import resolve

TASK = {"name": "delayed-xor", "trials_per_epoch": 8, "validation_trials": 8, "test_trials": 8}
BASE = """
task = {name = "delayed-xor", trials_per_epoch = 8, validation_trials = 8, test_trials = 8}
network = {size = 3}
rule = "np"
training = {epochs = 1, batch_size = 4}
"""
FILES = {
    "ok.toml": BASE,
    "study.toml": f"[base]\n{BASE}\n[axes]\nseed = [1, 2]\n",
    "missing_import.py": "import nothing_of_that_name\n",
    "no_syntax.py": "def f(:\n",
    "no_rule.py": "class Empty:\n    pass\n",
    "columns.csv": "a,b\n1,2\n",
    "empty.csv": "",
    "long.csv": "before,after,direction,device\n1,2,up," + "x" * 140_000 + "\n",
    "huge.csv": "before,after,direction,device\n1,1e308,up,0\n",
    "a_rule.py": "from typing import NamedTuple\nclass MyRule(NamedTuple):\n    decay: float = 0.9\n",
    "no_end.py": "raise GeneratorExit\n",
    "a_task.py": "from neuroperturb.tasks import Task\n\n\nclass NoData(Task):\n    pass\n\n\n"
    "class Fails(Task):\n    def data(self, seed, batch_size):\n        return 1 / 0\n",
}


@pytest.fixture(scope="module")
def record():
    """A finished run."""
    trainer = stand_in.Trainer(
        resolve({"task": TASK, "rule": "np", "network": {"size": 3}, "training": {"epochs": 1, "batch_size": 4}})
    )
    list(trainer)
    return trainer.run()


@pytest.fixture
def here(monkeypatch, tmp_path, record):
    """A folder with some files, right and wrong."""
    for name, text in FILES.items():
        (tmp_path / name).write_text(text)
    (tmp_path / "bytes.toml").write_bytes(b"\xff\xfe\x00")
    (tmp_path / "bytes.csv").write_bytes(bytes(range(256)))
    record.save(tmp_path / "run.nc")
    monkeypatch.chdir(tmp_path)
    return tmp_path


def refused(here, arguments, sentence):
    before = sorted(path.name for path in here.iterdir())
    result = CliRunner().invoke(cli.app, [str(argument) for argument in arguments])
    lines = result.stderr.strip().splitlines()
    assert result.exit_code == terminal.BAD_INPUT, (result.output, result.exception)
    assert len(lines) == 1 and lines[0].startswith("neuroperturb: ")
    assert sentence in lines[0]
    assert sorted(path.name for path in here.iterdir() if path.name != "__pycache__") == before


TABLES = {
    "task = 3": "'task' parameter of Experiment must be a name or a table. Got 3 instead.",
    'task = ["delayed-xor"]': "'task' parameter of Experiment must be a name or a table.",
    "task = {}": "'task.name' parameter is missing.",
    "": "'task' parameter of Experiment is missing.",
    'task = "delayed-xor"\nnetwork = 3': "'network' parameter of Experiment must be a table. Got 3 instead.",
    'task = "delayed-xor"\ntraining = "long"': "'training' parameter of Experiment must be a table. Got 'long' instead.",
    'task = "delayed-xor"\nrule = 3': "'rule' parameter of Experiment must be a name or a table. Got 3 instead.",
    'task = "delayed-xor"\nrule = {name = 3}': "'rule.name' parameter cannot be 3.",
    'task = "delayed-xor"\nrule = {name = "np", form = 3}': "'rule.form' parameter must be a string. Got 3 instead.",
    'task = "delayed-xor"\nrule = {name = "np", noise_std = nan}': "'rule.noise_std' parameter of PerturbationRule must be a finite number.",
    'task = "delayed-xor"\nrule = {name = "np", learning_rate = 1979-05-27}': "'rule.learning_rate' parameter of PerturbationRule must be a number.",
    'task = "delayed-xor"\nrule = {name = "np", baseline = 3}': "'rule.baseline' parameter of PerturbationRule must be a table.",
    'task = "delayed-xor"\nrule = {name = "hebbian", formula = {source = ["hebbian"]}}': "'rule.formula.source' parameter of OwnFormula must be a",
    'task = "delayed-xor"\nhardware = 7': "'hardware' parameter of Experiment must be a name or a table. Got 7 instead.",
    'task = "delayed-xor"\nhardware = {cells = {kind = "digital", bits = "x"}}': "'hardware.cells.bits' parameter of Digital must be a whole number",
    'task = "delayed-xor"\nhardware = {cells = {kind = "digital", bits = -1}}': "'hardware.cells.bits' parameter of Digital must be a whole number",
    'task = "delayed-xor"\nhardware = {cells = {kind = "nothing"}}': "'hardware.cells.kind' parameter cannot be 'nothing'.",
    'task = "delayed-xor"\nspiking = {dt = 1}': "'spiking.dt' parameter must be a time with its unit, such as '20 ms'. Got 1 instead.",
    'task = "delayed-xor"\ndecorrelation = "x"': "'decorrelation' parameter of Experiment must be a table. Got 'x' instead.",
    'task = {name = "delayed-xor", cues = [5, 1]}': "'task.cues' parameter of DelayedXOR must be two increasing steps from 0 to 13",
    'task = {name = "mackey-glass", washout = 4000}': "'task.washout' parameter of MackeyGlass must leave something to score in each part",
    'task = {name = "context-integration", onset = 99}': "'task.onset' parameter of ContextIntegration must be smaller than 'steps' (16).",
}  # fmt: skip


NESTED = {
    "tables": "x = " + "{a=" * 300 + "1" + "}" * 300,
    "lists": "x = " + "[" * 300 + "]" * 300,
    "keys": ".".join("a" * 300) + " = 1",
    "long keys": ".".join("a" * 20_000) + " = 1",
    "more": "x = " + "[" * 20_000 + "]" * 20_000,
}


@pytest.mark.parametrize("nested", NESTED.values(), ids=NESTED)
def test_tables_in_tables_in_tables(here, nested):
    (here / "wrong.toml").write_text(f"{nested}\n{BASE}")
    for command in ("run", "study"):
        refused(here, [command, "wrong.toml"], "is nested too deeply: at most 50 tables and lists in one another.")


@pytest.mark.parametrize("text", TABLES)
def test_a_wrong_experiment(here, text):
    (here / "wrong.toml").write_text(text)
    refused(here, ["run", "wrong.toml"], TABLES[text])


OPTIONS = [
    (["."], "There is no task or file '.'"),
    (["bytes.toml"], "The file 'bytes.toml' is not valid TOML"),
    (["ok.toml", "--seed", 2**80], "'training.seed' parameter of Training must be less than"),
    (["ok.toml", "--epochs", -3], "'training.epochs' parameter of Training must be greater than or equal to 1. Got -3 instead."),
    (["ok.toml", "--cells", "no.npz"], "The '--cells' option needs hardware, and this run has none"),
    (["ok.toml", "--hardware", "ecram", "--cells", "no.npz"], "The file of cells 'no.npz' does not exist: it was searched for in"),
    (["ok.toml", "--hardware", "ecram", "--cells", "columns.csv"], "must be a file that ends in .npz. Got 'columns.csv' instead."),
    (["ok.toml", "--set", "=3"], "The '--set' option must look like key.path=value. Got '=3' instead."),
    (["ok.toml", "--set", "a..b=3"], "The '--set' option must look like key.path=value."),
    (["ok.toml", "--set", "network.size=1e3"], "'network.size' parameter of RNN must be an integer. Got 1000.0 instead."),
    (["ok.toml", "--set", "training.dtype=float16"], "'training.dtype' parameter of Training must be 'float32' or 'float64'."),
    (["ok.toml", "--set", "training.seed.x=1"], "'training.seed' parameter of Training must be an integer."),
    (["ok.toml", "--rule", "nowhere:Class"], "'rule.name' parameter names a module 'nowhere' that cannot be found"),
    (["ok.toml", "--rule", "nowhere.py:Class"], "'rule.name' parameter names a file 'nowhere.py' that does not exist."),
    (["ok.toml", "--rule", "missing_import:R"], "The module of the rule 'missing_import:R' cannot be imported: No module named"),
    (["ok.toml", "--rule", "no_syntax.py:R"], "The module of the rule 'no_syntax.py:R' cannot be imported: SyntaxError"),
    (["ok.toml", "--rule", "no_rule.py:R"], "'rule.name' parameter names no class 'R' in 'no_rule.py'. It has no class with a 'synapse' function."),
    (["ok.toml", "--rule", "no_rule.py:Empty"], "Empty must be a NamedTuple"),
    (["ok.toml", "--hardware", "nonsense"], "'hardware.name' parameter cannot be 'nonsense'."),
    (["ok.toml", "--hardware", "digital-8", "--set", "hardware.weight_scale=-1"], "'hardware.weight_scale' parameter of Chip must be positive."),
    (["ok.toml", "--hardware", "digital-8", "--rule", "rtrl"], "'hardware' parameter must be left out with the rule 'rtrl'"),
    (["ok.toml", "--backend", "nest"], "The '--backend' option must be one of"),
    (["ok.toml", "--ablate"], "The '--ablate' option needs hardware, and this run has none"),
    (["ok.toml", "--show-equations"], "The '--show-equations' option needs spiking neurons, and this run has none"),
    (["run.nc", "--resume"], "There is nothing to resume: the run 'run.nc' is finished."),
    (["ok.toml", "--quiet", "--set", "task.trials_per_epoch=4600000000000000000"], "must have an epoch of at most 281474976710656 steps."),
    (["ok.toml", "--quiet", "--epochs", 2**62], "'training.epochs' parameter of Training must be at most 10052677739666, of 28 steps each."),
    (["ok.toml", "--quiet", "--hardware", "digital-4", "--set", "training.epochs=4294967296"], "must be at most 2147483648, of 2 writes each."),
    (["ok.toml", "--quiet", "--hardware", "digital-4", "--epochs", 2**28, "--set", "training.schedule=online"], "of 28 writes each."),
    (["ok.toml", "--set", "x=" + "{a=" * 60 + "1" + "}" * 60], "The '--set' option takes at most 50 tables and lists in one another."),
    (["ok.toml", "--set", ".".join("a" * 60) + "=1"], "The '--set' option must look like key.path=value."),
    (["ok.toml", "--set", "rule." + "a" * 5000 + "=1"], "aaa... parameter of PerturbationRule is unknown."),
    (["ok.toml", "--hardware", "a_rule.py:MyRule"], "'hardware.cells' parameter must be a cell model, such as hw.Digital(bits=4)"),
    (["ok.toml", "--rule", "no_end.py:R"], "The module of the rule 'no_end.py:R' cannot be imported: GeneratorExit"),
    (["a_task.py:NoData", "--quiet"], "The 'data' parameter of NoData is missing. A task generates its data there"),
    (["a_task.py:Fails", "--quiet"], "Custom code failed in line 10 of 'a_task.py': ZeroDivisionError: division by zero."),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "sentence"), OPTIONS)
def test_a_wrong_run(here, arguments, sentence):
    refused(here, ["run", *arguments], sentence)


DATA = [
    ("weather", "task.path=none.csv", "must name a file in the layout of WTH.csv, but 'none.csv' cannot be opened"),
    ("weather", "task.path=columns.csv", "lacks the columns Visibility"),
    ("weather", "task.path=bytes.csv", "is not a text file of comma-separated values."),
    (
        "weather",
        "task.split=100000",
        "'split' parameter of Weather must be smaller than the 8706 rows of the New York series",
    ),
    ("weather", "task.washout=100000", "'washout' parameter must be shorter"),
    ("weather", "training.batch_size=5000", "'batch_size' parameter must be at most 249"),
]


@pytest.mark.parametrize(
    "arguments", [["nothere.csv"], ["nothere.npz"], ["weather", "--set", "task.path=nothere.csv"]], ids=" ".join
)
def test_data_that_are_not_there_are_said_before_the_settings(here, arguments):
    refused(here, ["run", *arguments], "'nothere.")
    assert CliRunner().invoke(cli.app, ["run", *arguments]).stdout == ""


@pytest.mark.parametrize(("task", "setting", "sentence"), DATA)
def test_data_that_cannot_be_made(here, task, setting, sentence):
    refused(here, ["run", task, "--quiet", "--set", setting], sentence)


COMMANDS = [
    (["report", "none.nc"], "There is no run file 'none.nc'."),
    (["report", "ok.toml"], "The file 'ok.toml' is damaged, or was not written by neuroperturb."),
    (["report", "."], "The folder '.' is not a study"),
    (["deploy", "run.nc"], "there is no chip to deploy on"),
    (["deploy", "run.nc", "--hardware", "nothing"], "parameter cannot be 'nothing'."),
    (["age", "run.nc"], "must have a mechanism of ageing"),
    (["age", "run.nc", "--hardware", "pcm-like", "--after", -4], "must be seconds above 0, ascending. Got [-4.0] instead."),
    (["age", "run.nc", "--set", "hardware.x=3"], "'hardware.x' parameter of Chip is unknown."),
    (["device", "nothing"], "There is no device 'nothing'."),
    (["device", "none.csv"], "The file 'none.csv' cannot be read: No such file or directory."),
    (["device", "columns.csv"], "The file 'columns.csv' has no column 'before'. Got 'a', 'b' instead."),
    (["device", "empty.csv"], "The file 'empty.csv' is empty."),
    (["device", "long.csv"], "cannot be read: field larger than field limit (131072)."),
    (["device", "huge.csv"], "The 'after' field in line 2 of 'huge.csv' must be at most 1e+19. Got '1e308' instead."),
    (["device", "a_rule.py:MyRule"], "The 'NAME' parameter of device must be a cell model, such as hw.Digital(bits=4)"),
    (["device", "none.py:Cell"], "The 'NAME' parameter of device names a file 'none.py' that does not exist."),
    (["device", "a_rule.py:Other"], "The 'NAME' parameter of device names no class 'Other' in 'a_rule.py'."),
    (["device", "bytes.csv"], "The file 'bytes.csv' is not text in UTF-8."),
    (["device", "digital-8", "--seed", -1], "'seed' parameter of SynapseArray must be a whole number from 0"),
    (["device", "digital-8", "--out", "ok.toml"], "The '--out' option names 'ok.toml', which is a file: choose a folder."),
    (["align", "np", "--out", "ok.toml"], "The '--out' option names 'ok.toml', which is a file: choose a folder."),
    (["age", "run.nc", "--out", "ok.toml"], "The '--out' option names 'ok.toml', which is a file: choose a folder."),
    (["align", "nothing"], "'rule.name' parameter cannot be 'nothing'."),
    (["align", "bptt"], "'rules' parameter of align must hold perturbation rules"),
    (["align", "np", "--values", 3], "'values' parameter of align must be left out without 'over'."),
    (["align", "np", "--over", "nothing"], "'over' parameter of align cannot be 'nothing'. Known: samples"),
    (["align", "np", "--over", "hardware", "--values", "x"], "parameter cannot be 'x'."),
    (["align", "np", "--over", "size", "--values", "-3"], "'size' parameter of RNN must be greater than or equal to 1. Got -3 instead."),
    (["align", "np", "--over", "samples", "--values", "x"], "'samples' parameter of align must be a whole number, 1 or more. Got 'x' instead."),
    (["align", "np", "--over", "steps", "--values", "0"], "'steps' parameter of align must be a whole number, 1 or more. Got 0 instead."),
    (["align", "np", "--task", "nothing"], "'task.name' parameter cannot be 'nothing'."),
    (["audit", "nothing"], "'rule.name' parameter cannot be 'nothing'."),
    (["audit", "np", "--seed", "-1"], "'seed' parameter of audit must be a whole number, 0 or more. Got -1 instead."),
    (["align", "np", "--seed", "-4"], "'seed' parameter of align must be a whole number, 0 or more. Got -4 instead."),
    (["audit", "np wrong"], "'rule.form' parameter of rule 'np' must be"),
    (["audit", "np", "--set", "x"], "The '--set' option must look like key.path=value. Got 'x' instead."),
    (["audit", "missing_import:R"], "The module of the rule 'missing_import:R' cannot be imported"),
    (["verify", "none.npz"], "The file 'none.npz' cannot be read: No such file or directory."),
    (["verify", "ok.toml"], "The file 'ok.toml' is not a recorded case"),
    (["study", "none.toml"], "The file 'none.toml' cannot be read: No such file or directory."),
    (["study", "robustnes"], "There is no study or file 'robustnes'. Did you mean 'robustness'?"),
    (["tune", "robustnes"], "There is no study or file 'robustnes'. Did you mean 'robustness'?"),
    (["study", "ok.toml"], "The 'task' parameter of a study is unknown."),
    (["study", "study.toml", "--shard", "3/2"], "The '--shard' option must look like i/N with i from 1 to N. Got '3/2' instead."),
    (["study", "study.toml", "--shard", "half"], "The '--shard' option must look like i/N"),
    (["study", "study.toml", "--workers", 0], "The '--workers' option must be 1 or more. Got 0 instead."),
    (["study", "study.toml", "--workers", 2, "--scheduler", "tcp://h:1"], "The '--workers' option must be left out with '--scheduler'"),
    (["study", "study.toml", "--small"], "The 'small' parameter of study 'study-small' is missing. It has no small version."),
    (["study", "study.toml", "--out", "ok.toml"], "The '--out' option names 'ok.toml', which is a file: choose a folder."),
    (["tune", "study.toml"], "The 'tune' parameter of study 'study' is missing. There is nothing to search."),
]  # fmt: skip


@pytest.mark.parametrize(("arguments", "sentence"), COMMANDS)
def test_another_command_refuses(here, arguments, sentence):
    refused(here, arguments, sentence)


STUDIES = {
    "axes = 3": "'axes' parameter of a study must be a table. Got 3 instead.",
    "zip = 3": "'zip' parameter of a study must be a list. Got 3 instead.",
    "zip = [3]": "'zip' parameter of a study must be a table. Got 3 instead.",
    "set = 3": "'set' parameter of a study must be a table. Got 3 instead.",
    "grid = 3": "'grid' parameter of a study must be a list. Got 3 instead.",
    "search = 3": "'search' parameter of a study must be a table. Got 3 instead.",
    "controls = 3": "'controls' parameter of a study must be a list. Got 3 instead.",
    "controls = [['frozen']]": "'controls' parameter of a study cannot hold ['frozen'].",
    "names = {x = 3}": "'names.x' parameter of a study must be a text. Got 3 instead.",
    "metrics = [3]": "'metrics' parameter of a study cannot hold 3.",
    "baselines = [[1]]": "'baselines' parameter of a study cannot hold [1]. Known: trivial",
    "ageing = 3": "'ageing' parameter of a study must be a table. Got 3 instead.",
    "axes.rule = ['np']\nset.task = [3]": "In the cell (np) of study 'wrong': The 'task' parameter of Experiment must be a name or a table.",
    "axes.task = [3]": "In the cell (task 3) of study 'wrong': The 'task' parameter of Experiment must be a name or a table.",
    "axes.hardware = ['x']": "In the cell (x) of study 'wrong': The 'hardware.name' parameter cannot be 'x'.",
    "axes.'rule.x.y' = [1]": "'rule.x' parameter of PerturbationRule is unknown.",
    "axes.task = [{name = 'weather', path = 'none.csv'}]": "Got 'none.csv', which is not there. It was looked for in",
}  # fmt: skip


@pytest.mark.parametrize("text", STUDIES)
def test_a_wrong_study(here, text):
    (here / "wrong.toml").write_text(f'base = "delayed-xor"\n{text}\n')
    refused(here, ["study", "wrong.toml"], STUDIES[text])


def test_a_network_that_memory_cannot_hold_is_one_sentence(here):
    request = job.Request("ok.toml", settings=(f"network.size={10**12}",))
    assert job.prepare(request).experiment.network.size == 10**12
    refused(
        here,
        ["run", "ok.toml", "--quiet", "--set", f"network.size={10**12}"],
        "There is not enough memory: Unable to allocate",
    )


TYPED = {
    "run": "Missing argument 'TASK|DATA|FILE.toml|RUN.nc'. For help: neuroperturb run -h.",
    "rum": "No such command 'rum'. Did you mean 'run'?",
    "run ok.toml --bogus 1": "No such option: --bogus",
    "align np --size 0": "Invalid value for '--size'",
    "device ecram --format bmp": "The '--format' option must be png, svg or pdf. Got 'bmp' instead.",
}


@pytest.mark.parametrize("command", TYPED)
def test_a_command_that_was_typed_wrongly_is_one_sentence_like_any_other(here, command):
    refused(here, command.split(), TYPED[command])
