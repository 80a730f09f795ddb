"""Counting on real Dask processes: equal bit for bit to one machine, also when a worker dies on the way."""

import json
import os
import signal
import socket
import subprocess
import sys
import threading
import time

import numpy as np
import pytest

pytest.importorskip("distributed")

import distributed

from embedkit.cluster import words
from embedkit.cluster.connecting import connected
from embedkit.cluster.cooccurrence import SpreadCounts
from embedkit.cluster.dask_engine import DaskEngine
from embedkit.counting import Window
from embedkit.errors import CorpusError, EmbedkitError
from embedkit.training import remote, train
from embedkit.training.glove import row_size_for
from embedkit.vocabulary.corpus import count_words


def embedkit(*arguments, status=0):
    done = subprocess.run(
        [sys.executable, "-m", "embedkit", *map(str, arguments)], capture_output=True, text=True, check=False
    )
    assert done.returncode == status, done.stderr
    return done


@pytest.fixture(scope="module")
def text(tmp_path_factory):
    path = tmp_path_factory.mktemp("corpus") / "text.txt"
    rng = np.random.default_rng(5)
    with open(path, "w", encoding="utf-8") as stream:
        for _ in range(60_000):
            drawn = np.minimum(rng.exponential(60, rng.integers(1, 25)).astype(int), 900)
            stream.write(" ".join(f"낱말{w}" if w % 2 else f"word{w}" for w in drawn) + "\n")
    return path


@pytest.fixture(scope="module")
def engine():
    with connected("local:3") as found:
        yield found


@pytest.mark.parametrize("command", ["vocab", "phrases", "cooccur", "tfidf"])
def test_each_command_writes_the_same_file(text, tmp_path, command):
    suffix = {"cooccur": ".safetensors", "tfidf": ".mtx"}.get(command, ".txt")
    options = {"phrases": ["--threshold", "1.02"]}.get(command, [])
    one, many = tmp_path / f"one{suffix}", tmp_path / f"many{suffix}"
    embedkit(command, text, "-o", one, *options)
    said = embedkit(command, text, "-o", many, *options, "--cluster", "local:2").stderr
    assert "cluster local:2: 2 workers" in said
    assert one.read_bytes() == many.read_bytes()


def test_counts_go_through_a_folder(text, tmp_path, engine):
    vocabulary = count_words(text, min_count=5)
    (tmp_path / "kept").mkdir()
    for name, folder in (("one", None), ("two", str(tmp_path / "kept"))):
        SpreadCounts.from_text(engine, text, Window(4), vocabulary=vocabulary).save(
            tmp_path / f"{name}.safetensors", folder=folder
        )
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "two.safetensors").read_bytes()
    assert not list((tmp_path / "kept").iterdir())


def test_a_killed_worker_changes_nothing(text, tmp_path, engine):
    vocabulary = count_words(text, min_count=5)
    SpreadCounts.from_text(engine, text, Window(8), vocabulary=vocabulary).save(tmp_path / "whole.safetensors")
    pids = list(engine._client.run(os.getpid).values())  # once: afterwards the scheduler may still list a dead one
    for attempt in range(2):
        killer = threading.Timer(0.3 + 0.5 * attempt, os.kill, (pids[attempt], signal.SIGKILL))
        killer.start()
        SpreadCounts.from_text(engine, text, Window(8), vocabulary=vocabulary).save(tmp_path / "killed.safetensors")
        killer.join()
        assert (tmp_path / "whole.safetensors").read_bytes() == (tmp_path / "killed.safetensors").read_bytes()


def test_inside_somebody_elses_dask_program(text):
    from distributed import Client

    with Client(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as client:
        assert words.count_words(DaskEngine(client), text, min_count=2) == count_words(text, min_count=2)


def test_an_error_of_a_task_is_the_error_of_one_machine(tmp_path, engine):
    (tmp_path / "bad.txt").write_bytes(b"good\n" * 10 + b"bad \xff\n")
    with pytest.raises(CorpusError, match="is not UTF-8"):
        words.count_words(engine, tmp_path / "bad.txt")


def test_a_worker_with_another_version_is_refused(engine, monkeypatch):
    monkeypatch.setattr("embedkit.cluster.dask_engine.__version__", "99")
    with pytest.raises(EmbedkitError, match="this is 99; install the same version"):
        DaskEngine(engine._client)


def test_nobody_at_the_address(tmp_path, monkeypatch):
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    monkeypatch.setattr("embedkit.cluster.dask_engine.CONNECT_SECONDS", 2)
    started = time.monotonic()
    with (
        pytest.raises(EmbedkitError, match=f"no scheduler answers at tcp://127.0.0.1:{port}"),
        connected(f"tcp://127.0.0.1:{port}"),
    ):
        pass
    assert time.monotonic() - started < 30


@pytest.mark.skipif(sys.platform != "linux", reason="processes are copied on Linux alone")
def test_ctrl_c_is_for_the_process_that_was_started(engine):
    """A terminal sends it to the workers too, each of which ended with a traceback."""
    handles = [engine.submit(_blocked, worker=worker) for worker in engine.workers()]
    assert all(signal.SIGINT in blocked for blocked in engine.results(handles))
    assert signal.SIGINT not in _blocked()


def _blocked():
    return {int(number) for number in signal.pthread_sigmask(signal.SIG_BLOCK, ())}


def test_ctrl_c_while_processes_start_waits_for_them(monkeypatch):
    """Dask cannot take down a cluster that is half started, and said so in a traceback when the process ended."""
    made, before = [], signal.signal(signal.SIGINT, signal.default_int_handler)

    class Watched(distributed.LocalCluster):
        def __init__(self, **options):
            signal.raise_signal(signal.SIGINT)
            super().__init__(**options)
            made.append(self)

    monkeypatch.setattr(distributed, "LocalCluster", Watched)
    try:
        with pytest.raises(KeyboardInterrupt), connected("local:1"):
            pass
    finally:
        signal.signal(signal.SIGINT, before)
    assert [cluster.status.name for cluster in made] == ["closed"]


def test_processes_that_do_not_start_are_told_in_one_line(monkeypatch):
    def refuse(**options):
        raise RuntimeError("Nanny failed to start.")

    monkeypatch.setattr(distributed, "LocalCluster", refuse)
    with pytest.raises(EmbedkitError, match=r"local:2: its processes do not start .*TMPDIR"), connected("local:2"):
        pass


def test_wrong_usage_is_one_line(text):
    for options, message in (
        (["--cluster", "local:none"], "local:N takes a number"),
        (["--cluster", "local:2", "--workers", "2"], "--workers does not go with --cluster"),
    ):
        said = embedkit("vocab", text, *options, status=2).stderr
        assert message in said


def test_without_the_package_one_line_says_what_to_install(text, monkeypatch):
    monkeypatch.setitem(sys.modules, "distributed", None)
    with pytest.raises(EmbedkitError, match=r"pip install 'embedkit\[dask\]'"), connected("local:1"):
        pass


def killer(engine, when):
    """A listener to progress that kills a worker once training is `when` of the way."""
    killed = []

    def listen(report):
        if report.stage == "training" and report.done > when * report.total and not killed:
            pids = list(engine._client.run(os.getpid).values())
            killed.append(pids[0])
            os.kill(pids[0], signal.SIGKILL)

    return listen, killed


@pytest.fixture(scope="module")
def prose(text):
    path = text.with_name("short.txt")
    path.write_text("".join(text.read_text(encoding="utf-8").splitlines(keepends=True)[:3000]), encoding="utf-8")
    return path


REPLICAS = {"vector_size": 20, "epochs": 1, "replicas": 4, "merge_every": 500, "learning_rate": 0.05}
LONG = {**REPLICAS, "epochs": 15}  # long enough for progress, which is told five times a second, to come on the way


@pytest.mark.parametrize("model", ["skipgram", "fasttext"])
def test_replicas_on_a_cluster_with_a_killed_worker(prose, engine, monkeypatch, model):
    monkeypatch.setattr(remote, "ORDER_SECONDS", 0.05)
    options = {"model": model, **LONG, **({"bucket": 1000} if model == "fasttext" else {})}
    here = train(prose, workers=1, **options)
    listen, killed = killer(engine, 0.3)
    there = train(prose, cluster=engine, progress=listen, **options)
    assert killed
    np.testing.assert_array_equal(here.vectors, there.vectors)


GLOVE = {"model": "glove", "vector_size": 20, "epochs": 4, "replicas": 4, "window": 5}


def test_glove_on_a_cluster_with_a_killed_worker(prose, engine, monkeypatch):
    monkeypatch.setattr(remote, "ORDER_SECONDS", 0.05)
    options = {**GLOVE, "epochs": 60}
    listen, killed = killer(engine, 0.3)
    there = train(prose, cluster=engine, progress=listen, **options)
    assert killed
    np.testing.assert_array_equal(there.vectors, train(prose, workers=1, **options).vectors)


def test_glove_from_the_command_line(prose, tmp_path):
    options = ["--model", "glove", "--replicas", "4", "--dim", "20", "--epochs", "2", "--window", "5"]
    embedkit("train", prose, "-o", tmp_path / "many.safetensors", *options, "--cluster", "local:2")
    embedkit("train", prose, "-o", tmp_path / "one.safetensors", *options)
    assert (tmp_path / "one.safetensors").read_bytes() == (tmp_path / "many.safetensors").read_bytes()


def test_columns_of_glove_travel_between_workers_out_of_reach(prose, engine, monkeypatch):
    # No worker takes another's memory where each says that it is on a machine of its own.
    monkeypatch.setattr(remote, "machine_here", os.getpid)
    reports = []
    there = train(prose, cluster=engine, progress=reports.append, **GLOVE)
    np.testing.assert_array_equal(there.vectors, train(prose, workers=1, **GLOVE).vectors)
    state = 2 * 2 * row_size_for(20) * 4 * len(there) / 1e6
    assert reports[-1].fields["moved_MB"] > 2 * state


def test_glove_goes_on_on_one_machine(prose, engine, tmp_path):
    options = {**GLOVE, "epochs": 60}

    def press(report):
        if report.stage == "training":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        train(prose, cluster=engine, progress=press, checkpoint=tmp_path, checkpoint_every=0.0, **options)
    resumed = train(prose, workers=2, checkpoint=tmp_path, resume=True, **options)
    np.testing.assert_array_equal(resumed.vectors, train(prose, workers=1, **options).vectors)


def test_replicas_inside_somebody_elses_dask_program(prose):
    from distributed import Client

    with Client(n_workers=1, threads_per_worker=2, processes=False, dashboard_address=None) as client:
        there = train(prose, cluster=client, **REPLICAS)
    np.testing.assert_array_equal(there.vectors, train(prose, workers=2, **REPLICAS).vectors)


@pytest.fixture
def whole_engine():
    """A cluster of its own: no worker of it was killed before."""
    with connected("local:3") as found:
        yield found


def test_a_stopped_worker_is_left_out(prose, whole_engine, monkeypatch):
    engine = whole_engine
    monkeypatch.setattr(remote, "ORDER_SECONDS", 0.05)
    monkeypatch.setattr(remote, "STALLED_SECONDS", 1.5)
    monkeypatch.setattr(remote, "STALLED_TIMES", 2)
    told, stopped = [], []

    def stop(report):
        if report.stage == "training" and report.done < report.total and not stopped:
            stopped.extend(engine._client.run(os.getpid).values())
            os.kill(stopped[0], signal.SIGSTOP)

    try:
        there = train(prose, cluster=engine, progress=stop, note=told.append, **LONG)
    finally:
        os.kill(stopped[0], signal.SIGCONT)
    np.testing.assert_array_equal(there.vectors, train(prose, workers=1, **LONG).vectors)
    assert any("does not answer; others do its work" in line for line in told)


def test_replicas_from_the_command_line(prose, tmp_path):
    one, many = tmp_path / "one.safetensors", tmp_path / "many.safetensors"
    options = ["--replicas", "3", "--dim", "20", "--epochs", "1", "--merge-every", "500"]
    embedkit("train", prose, "-o", one, *options)
    embedkit("train", prose, "-o", many, *options, "--cluster", "local:2")
    assert one.read_bytes() == many.read_bytes()
    assert "replicas" in embedkit("info", many).stdout


@pytest.fixture
def scheduler():
    """A scheduler and a worker as processes of their own: its address, and the scheduler's process."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        address = f"tcp://127.0.0.1:{free.getsockname()[1]}"
    command = [sys.executable, "-m", "dask"]
    quiet = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    port = address.rsplit(":", maxsplit=1)[1]
    with subprocess.Popen(
        [*command, "scheduler", "--host", "127.0.0.1", "--port", port, "--no-dashboard", "--no-show"], **quiet
    ) as head:
        with subprocess.Popen(
            [*command, "worker", address, "--nthreads", "2", "--no-nanny", "--no-dashboard"], **quiet
        ) as hand:
            yield address, head
            hand.kill()
        head.kill()


def test_a_lost_scheduler_leaves_a_checkpoint_from_which_one_machine_goes_on(prose, tmp_path, scheduler, monkeypatch):
    address, head = scheduler
    monkeypatch.setattr("embedkit.cluster.dask_engine.CONNECT_SECONDS", 20)
    seen = []
    options = {**LONG}

    def lose(report):
        if report.stage == "training" and not seen:
            seen.append(report.done)
            monkeypatch.setattr("embedkit.cluster.dask_engine.CONNECT_SECONDS", 2)
            head.kill()

    with pytest.raises(EmbedkitError, match=r"the cluster was lost .*; the state of the run is in .*: give `resume`"):
        train(prose, cluster=address, progress=lose, checkpoint=tmp_path, **options)
    resumed = train(prose, workers=2, checkpoint=tmp_path, resume=True, **options)
    np.testing.assert_array_equal(resumed.vectors, train(prose, workers=1, **options).vectors)


def test_what_a_run_on_a_cluster_would_take(prose):
    said = embedkit("train", prose, "--dry-run", "--cluster", "local:2", "--replicas", "4", "--json").stdout
    found = {row["what"]: row["value"] for row in json.loads(said)} if said.startswith("[") else said
    assert "memory of a worker, MB" in found
    assert "moved by a worker in a round, MB" in found
