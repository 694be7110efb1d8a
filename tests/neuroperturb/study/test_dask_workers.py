"""A real scheduler and two real workers on loopback: the same bits as here, and a worker that dies costs a retry."""

from __future__ import annotations

import logging
import os
import shutil
import signal
import socket
import subprocess
import sys
import time
from typing import NamedTuple

import pytest
from study_cases import ENVIRONMENT, assert_same, declare, finish, helper, start

from neuroperturb.experiments.toml import resolve
from neuroperturb.results.run import load
from neuroperturb.spec import InputError
from neuroperturb.study import dask_workers, run_name
from neuroperturb.study.dask_workers import RemoteJob, remote
from neuroperturb.study.store import StudyFolder

pytest.importorskip("distributed")


class Cluster(NamedTuple):
    """Address of a scheduler, its workers, and its process."""

    address: str
    workers: list
    scheduler: subprocess.Popen


DASK = [sys.executable, "-m", "dask", "scheduler"], [sys.executable, "-m", "dask", "worker"]


def serve(command, **more):
    return subprocess.Popen(command, env=ENVIRONMENT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, **more)


def worker(address):
    """A worker process with one thread, without a parent that would start it again."""
    options = ["--nthreads", "1", "--no-nanny", "--no-dashboard", "--death-timeout", "60"]
    return serve([*DASK[1], address, *options])


@pytest.fixture
def cluster(tmp_path):
    """Address of a scheduler, and its two workers."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    address = f"tcp://127.0.0.1:{port}"
    scheduler = serve([*DASK[0], "--host", "127.0.0.1", "--port", str(port), "--no-dashboard"], cwd=tmp_path)
    workers = []
    try:
        wait_until_it_answers(port, scheduler)
        workers += [worker(address), worker(address)]
        yield Cluster(address, workers, scheduler)
    finally:
        for process in (*workers, scheduler):
            process.kill()
            process.wait()


def wait_until_it_answers(port, scheduler):
    for _ in range(600):
        assert scheduler.poll() is None
        with socket.socket() as probe:
            if probe.connect_ex(("127.0.0.1", port)) == 0:
                return
        time.sleep(0.1)
    raise TimeoutError


@pytest.mark.slow
def test_a_cluster_gives_the_bits_of_threads_and_survives_a_worker(cluster, tmp_path):
    address, workers, _ = cluster
    file = declare(tmp_path, epochs=8, sizes=(2, 3))
    helper(file, tmp_path / "here")
    process = start(file, tmp_path / "there", "--scheduler", address)
    runs = tmp_path / "there" / "runs"
    while not (runs.is_dir() and any(runs.glob("*.nc"))):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    os.kill(workers[0].pid, signal.SIGKILL)  # in the middle of its next run
    code, output, errors = finish(process)
    assert code == 0, (output, errors)
    assert "0 failed" in output
    assert_same(tmp_path / "here", tmp_path / "there")


@pytest.mark.slow
def test_a_scheduler_that_dies_ends_the_study_in_one_sentence_and_loses_nothing(cluster, tmp_path):
    address, *_ = cluster
    file = declare(tmp_path, sizes=(2, 3), seeds=(1, 2, 3))
    process = start(file, tmp_path / "there", "--scheduler", address, "--quiet")
    runs = tmp_path / "there" / "runs"
    while not (runs.is_dir() and any(runs.glob("*.nc"))):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    cluster.scheduler.kill()
    code, _, errors = finish(process)
    assert code == 2, errors
    assert f"neuroperturb: The scheduler {address!r} is gone" in errors
    assert "Traceback" not in errors
    assert not any((tmp_path / "there" / "claims").iterdir())
    assert all(load(path).status == "finished" for path in runs.iterdir())


def test_a_cluster_without_workers_can_be_stopped(cluster, tmp_path):
    address, workers, _ = cluster
    file = declare(tmp_path, epochs=200, sizes=(2,), seeds=(1, 2))
    process = start(file, tmp_path / "there", "--scheduler", address)
    while not any((tmp_path / "there" / "claims").glob("[0-9a-f]*")):
        assert process.poll() is None, process.communicate()
        time.sleep(0.02)
    for one in workers:
        one.kill()
        one.wait()
    time.sleep(1)
    process.send_signal(signal.SIGTERM)
    assert finish(process)[0] == 130


def test_what_dask_logs_of_a_lost_connection_is_left_to_the_sentence(tmp_path):
    import distributed

    loggers = [logging.getLogger(name) for name in ("distributed.batched", "distributed.client")]
    with distributed.LocalCluster(n_workers=0, processes=False, protocol="tcp://", dashboard_address=None) as served:
        before = [logger.isEnabledFor(logging.ERROR) for logger in loggers]
        workers = dask_workers.DaskWorkers(StudyFolder(tmp_path), served.scheduler_address)
        assert [logger.isEnabledFor(logging.ERROR) for logger in loggers] == [False, False]
        workers.close()
    assert [logger.isEnabledFor(logging.ERROR) for logger in loggers] == before == [True, True]


def job(name, experiment, computing):
    return RemoteJob(
        name=name, experiment=experiment, checkpoint=b"", baselines=None, weights=True, ageing=None, stop="", computing=computing
    )  # fmt: skip


def test_a_worker_of_other_sources_is_refused():
    experiment = resolve({"task": "delayed-xor", "rule": "np"})
    sent = job("0" * 16, experiment.table(), run_name.computing())
    assert "differs from ours" in remote(sent).reason
    assert "differs from ours" in remote(sent._replace(baselines=("ridge",))).reason


def test_where_no_scheduler_answers_the_sentence_says_so(tmp_path, monkeypatch):
    monkeypatch.setattr(dask_workers, "CONNECT", 0.3)
    with pytest.raises(
        InputError, match=r"'--scheduler' option names 'tcp://127\.0\.0\.1:9', where no scheduler answers"
    ):
        dask_workers.DaskWorkers(StudyFolder(tmp_path), "tcp://127.0.0.1:9")


@pytest.mark.parametrize(
    "address", ["", "foo", "localhost:8786", "tcp://x", "tcp://h:port", "tcp://h:99999", "bad://h:1"]
)
def test_what_is_no_address_is_said_before_anything_is_started(address, tmp_path):
    with pytest.raises(InputError, match="must look like tcp://HOST:PORT"):
        dask_workers.DaskWorkers(StudyFolder(tmp_path), address)


def test_without_dask_the_sentence_says_how_to_install_it(tmp_path, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(InputError, match=r"pip install 'neuroperturb\[dask\]'"):
        dask_workers.DaskWorkers(StudyFolder(tmp_path), "tcp://127.0.0.1:9")


def test_a_worker_of_another_version_is_refused():
    assert "other versions" in remote(job("", {}, {"versions": {"numpy": "99"}, "format": 1})).reason


def test_a_scheduler_over_tls_takes_those_with_certificates(tmp_path):
    import distributed

    if shutil.which("openssl") is None:
        pytest.skip("there is no openssl")
    pem, key = tmp_path / "cert.pem", tmp_path / "key.pem"
    made = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    subprocess.run([*made, "-keyout", key, "-out", pem], check=True, capture_output=True)
    files = {
        f"tls_{who}_{what}": str(path)
        for who in ("scheduler", "worker", "client")
        for what, path in (("cert", pem), ("key", key))
    }
    security = distributed.Security(tls_ca_file=str(pem), require_encryption=True, **files)
    with distributed.LocalCluster(
        n_workers=1, threads_per_worker=2, processes=False, protocol="tls://", security=security, dashboard_address=None
    ) as served:
        address = served.scheduler_address
        workers = dask_workers.DaskWorkers(StudyFolder(tmp_path), address, dask_workers.Certificates(pem, pem, key))
        try:
            assert address.startswith("tls://") and workers.room() == 2
        finally:
            workers.close()


@pytest.mark.parametrize(
    ("address", "files", "said"),
    [
        ("tls://127.0.0.1:9", (), "needs '--tls-ca' and '--tls-cert'"),
        ("tls://127.0.0.1:9", ("none.pem",), "which is not a file"),
        ("tcp://127.0.0.1:9", ("none.pem",), "are for a scheduler at tls://"),
    ],
)
def test_certificates_that_do_not_fit_are_told(tmp_path, address, files, said):
    with pytest.raises(InputError, match=said):
        dask_workers.DaskWorkers(StudyFolder(tmp_path), address, dask_workers.Certificates(*files))
