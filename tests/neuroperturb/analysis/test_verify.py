"""What the published code of the rules computes: recorded cases, and more of them from the naive transcription."""

import json
from pathlib import Path

import naive
import numpy as np
import pytest
from typer.testing import CliRunner

from hardware_models.numerics.compiled import COMPILED
from neuroperturb.analysis import verify
from neuroperturb.cli import app as cli

FOLDER = Path(__file__).parents[2] / "golden"
FILES = sorted(FOLDER.glob("*.npz"))
QUICK = ("episode_danp_b1", "episode_danp_b4", "online_danp_b1", "online_danp_b4")  # compiled with bounds checking too
SIZES = {
    "W_in": ("n", "n_in"),
    "W_rec": ("n", "n"),
    "W_out": ("n_out", "n"),
    "D_in": ("n_in", "n_in"),
    "D_rec": ("n", "n"),
}

every = pytest.mark.skipif(
    COMPILED, reason="compiling BLAS batches takes seconds each; .ci/run does these with the JIT off"
)


def some(names, quick):
    """Parameters, all of them marked `kernels` with the JIT off and a few with it on; DNP and DWP have parts that others have, too."""
    cases = []
    for n in names:
        marks = [pytest.mark.kernels] if not COMPILED or n in quick else []
        marks += [pytest.mark.slow] if "dnp" in n.lower() or "dwp" in n.lower() else []
        cases.append(pytest.param(n, marks=marks, id=n))
    return cases


@pytest.mark.parametrize("name", some([path.stem for path in FILES], QUICK))
def test_a_recorded_case(name):
    found = verify.errors(verify.load_case(FOLDER / f"{name}.npz"))
    assert np.max(list(found.values())) <= verify.TOLERANCE, found


def test_all_cases_are_there():
    assert len(FILES) == 24
    for path in FILES:
        case = verify.load_case(path)
        assert naive_error(case) <= 1e-12, f"the transcription itself, on {path.name}"


def naive_error(case):
    after = naive.published(case)
    return max(np.abs(after[k] - case[f"after_{k}"]).max() / np.abs(case[f"after_{k}"]).max() for k in after)


def made(
    rule,
    schedule,
    *,
    batch,
    steps,
    seed,
    noise_std=1e-3,
    n=9,
    n_in=3,
    n_out=2,
    decorrelation_rate=0.01,
    learning_rate=0.01,
):
    """A case like the recorded ones, its weights after it from the naive transcription."""
    rng = np.random.default_rng(seed)
    size = {"n": n, "n_in": n_in, "n_out": n_out}
    shapes = {name: (size[a], size[b]) for name, (a, b) in SIZES.items()}
    before = {name: np.sqrt(2 / sum(shape)) * rng.normal(size=shape) for name, shape in shapes.items()}
    decorrelated = rule[0] == "D"
    for name in ("D_in", "D_rec"):  # as recorded: what does not learn online is the identity
        off = 0.05 if schedule == "episode" or (decorrelated and name == "D_rec") else 0.0
        before[name] = np.eye(len(before[name])) + off * before[name]
    case = {
        "inputs": rng.normal(size=(steps, batch, n_in)),
        "targets": rng.normal(size=(steps, batch, n_out)),
        "meta": {
            "rule": rule.removeprefix("D"), "schedule": schedule, "learning_rate": learning_rate, "noise_std": noise_std,
            "decorrelation_rate": decorrelation_rate * decorrelated, "decorrelate_input": decorrelated and schedule == "episode",
        },
        **{f"before_{name}": w for name, w in before.items()},
    }  # fmt: skip
    if rule.endswith("WP"):
        case |= {f"noise_{name}": rng.normal(size=(steps, *shapes[name])) for name in ("W_in", "W_rec", "W_out")}
    else:
        case |= {
            "noise_hidden": rng.normal(size=(steps, batch, n)),
            "noise_output": rng.normal(size=(steps, batch, n_out)),
        }
    return case | {f"after_{name}": w for name, w in naive.published(case).items()}


def assert_replayed(case):
    found = verify.errors(case)
    assert np.max(list(found.values())) <= verify.TOLERANCE, found


RULES = ("NP", "WP", "ANP", "DNP", "DWP", "DANP")


@pytest.mark.parametrize("schedule", ["online", "episode"])
@pytest.mark.parametrize("rule", some(RULES, ["DANP"]))
def test_other_sizes_seeds_and_noise(rule, schedule):
    """The same compiled loops as the recorded cases; 300 steps are three blocks of an episode."""
    for seed, (batch, steps, noise_std) in enumerate([(1, 40, 1e-3), (3, 40, 1e-4), (3, 300, 1e-4), (1, 1000, 1e-4)]):
        if steps <= (1000 if rule == "DANP" and COMPILED else 300 if rule == "DANP" or COMPILED else 40):
            assert_replayed(
                made(rule, schedule, batch=batch, steps=steps, seed=seed, noise_std=noise_std, learning_rate=1e-3)
            )
    for n, n_in, n_out in ((1, 1, 1), (5, 1, 4), (17, 8, 1)):
        assert_replayed(made(rule, schedule, batch=2, steps=12, seed=n, n=n, n_in=n_in, n_out=n_out))


@pytest.mark.parametrize(("rule", "schedule"), [("DANP", "online"), ("DNP", "episode")])
def test_batches_through_blas(rule, schedule):
    assert_replayed(made(rule, schedule, batch=20, steps=300, seed=5, noise_std=1e-4))
    assert_replayed(made(rule, schedule, batch=16, steps=30, seed=6))


@every
@pytest.mark.kernels
@pytest.mark.parametrize("schedule", ["online", "episode"])
@pytest.mark.parametrize("rule", RULES)
def test_every_batch_through_blas(rule, schedule):
    assert_replayed(made(rule, schedule, batch=20, steps=12, seed=5, noise_std=1e-4))


# ----------------------------------------------------------------------------------------------------------------------
# The command


def command(*paths):
    return CliRunner().invoke(cli.app, ["verify", *map(str, paths)])


def saved(path, case, **changes):
    case = {**case, **changes}
    np.savez(path, **{k: json.dumps(v) if k == "meta" else v for k, v in case.items() if v is not None})
    return path


def test_the_cases_that_ship(monkeypatch):
    seen = []
    monkeypatch.setattr(verify, "main", lambda files: seen.extend(files) or 0)
    assert CliRunner().invoke(cli.app, ["verify", "--shipped"]).exit_code == 0
    assert {path.name for path in seen} == {path.name for path in FOLDER.rglob("*.npz")}
    for arguments in ([], ["--shipped", "case.npz"]):
        result = CliRunner().invoke(cli.app, ["verify", *arguments])
        assert result.exit_code == 2 and "or '--shipped' for those" in result.stderr


def test_verify_tells_a_case_that_was_tampered_with(tmp_path):
    """A relative error of 1e-9 is found, as is a result that is no number."""
    good = FOLDER / "online_np_b1.npz"
    case, rng = verify.load_case(good), np.random.default_rng(0)
    result = command(good)
    assert result.exit_code == 0, result.output
    assert "ok" in result.output
    for name in ("W_in", "W_rec", "W_out", "D_rec"):
        after = case[f"after_{name}"].copy()
        after.flat[rng.integers(after.size)] += 1e-9 * np.abs(after).max()
        result = command(good, saved(tmp_path / "tampered.npz", case, **{f"after_{name}": after}))
        assert result.exit_code == 1
        assert "MISMATCH" in result.output
    result = command(saved(tmp_path / "nan.npz", case, after_W_in=np.full_like(case["after_W_in"], np.nan)))
    assert result.exit_code == 1


def assert_refused(paths):
    """Exit code 2 and one sentence each."""
    for path, sentence in paths.items():
        result = command(path)
        assert result.exit_code == 2, (path.name, result.output)
        assert sentence in result.stderr, (path.name, result.stderr)
        assert result.stderr.startswith("neuroperturb: ")
        assert result.stderr.count("\n") == 1


def test_verify_refuses_what_is_no_case(tmp_path):
    case = verify.load_case(FOLDER / "online_np_b1.npz")
    text, empty, pickled = (tmp_path / f"{name}.npz" for name in ("text", "empty", "pickled"))
    text.write_text("no numbers")
    empty.write_bytes(b"")
    np.savez(pickled, meta=np.array([{}], dtype=object))
    meta = case["meta"]
    assert_refused({
        tmp_path / "none.npz": "cannot be read",
        tmp_path: "cannot be read",
        text: "is not a recorded case",
        empty: "is not a recorded case",
        pickled: "is not a recorded case",
        saved(tmp_path / "a.npz", case, inputs=None): "lacks 'inputs'",
        saved(tmp_path / "b.npz", case, meta={k: v for k, v in meta.items() if k != "noise_std"}): "lacks 'noise_std'",
        saved(tmp_path / "c.npz", case, meta={**meta, "rule": "XY"}): "'rule' parameter cannot be 'xy'",
        saved(tmp_path / "d.npz", case, meta={**meta, "noise_std": 0.0}): "noise_std",
        saved(tmp_path / "e.npz", case, meta=[1, 2]): "is not a recorded case",
    })  # fmt: skip


def test_verify_refuses_a_case_whose_arrays_do_not_fit(tmp_path):
    case = verify.load_case(FOLDER / "online_np_b1.npz")
    assert_refused({
        saved(tmp_path / "a.npz", case, noise_output=None): "lacks 'noise_output'",
        saved(tmp_path / "b.npz", case, meta={**case["meta"], "schedule": "daily"}): "schedule",
        saved(tmp_path / "c.npz", case, before_W_rec=case["before_W_rec"][:-1]): "shape",
        saved(tmp_path / "d.npz", case, noise_hidden=case["noise_hidden"][:-1]): "shape",
        saved(tmp_path / "e.npz", case, targets=case["targets"][:, :, :0]): "shape",
        saved(tmp_path / "f.npz", case, after_W_out=case["after_W_out"].T): "shape",
        saved(tmp_path / "g.npz", case, inputs=np.full_like(case["inputs"], np.nan)): "finite",
        saved(tmp_path / "h.npz", case, inputs=np.full(case["inputs"].shape, "a")): "number",
    })  # fmt: skip
