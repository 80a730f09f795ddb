"""The server of embedkit explore: what it answers, whom it answers, that it ends."""

import json
import os
import signal
import subprocess
import sys
import threading
import urllib.error
import urllib.parse
import urllib.request

import numpy as np
import pytest

from embedkit.errors import ConfigError
from embedkit.plotting.explore import Explorer, address_of, serve, signed_words
from embedkit.plotting.projection import project
from embedkit.plotting.selection import select
from embedkit.query.keyed_vectors import KeyedVectors

WORDS = ["man", "king", "woman", "queen", "서울", "</script>", *(f"word{i}" for i in range(60))]


def make_model(seed):
    vectors = np.random.default_rng(seed).normal(size=(len(WORDS), 12)).astype(np.float32)
    return KeyedVectors(WORDS, vectors)


@pytest.fixture
def served():
    models = {"a": make_model(1), "b": make_model(2)}
    chosen = select(models["a"], most_frequent=20)
    explorer = Explorer(models, chosen, project(chosen.vectors)[0], "a, b", "20 of 66 words")
    server = serve(explorer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    yield server, explorer, models
    server.shutdown()
    server.server_close()
    thread.join()


def get(served, path, host=None, **parameters):
    server, explorer, _ = served
    parameters.setdefault("token", explorer.token)
    query = urllib.parse.urlencode({k: v for k, v in parameters.items() if v is not None})
    request = urllib.request.Request(f"http://127.0.0.1:{server.server_port}{path}?{query}")
    if host:
        request.add_header("Host", host)
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return answer.status, answer.read()
    except urllib.error.HTTPError as error:
        return error.code, error.read()


def test_it_listens_on_this_machine_only_and_asks_for_its_token(served):
    server, explorer, _ = served
    assert server.server_address[0] == "127.0.0.1"
    assert explorer.token in address_of(server, explorer)
    for path in ("/", "/similar", "/axis", "/nowhere"):
        assert get(served, path, token=None)[0] == 403
        assert get(served, path, token="guess")[0] == 403
        assert get(served, path, host="evil.example")[0] == 403
    assert get(served, "/")[0] == 200
    assert get(served, "/nowhere")[0] == 404


def test_neighbours_are_those_of_each_whole_model(served):
    status, body = get(served, "/similar", words="king")
    answers = json.loads(body)["models"]
    assert status == 200
    for answer, model in zip(answers, served[2].values(), strict=True):
        assert [word for word, _ in answer["neighbours"]] == [word for word, _ in model.most_similar("king", topn=10)]
    first, second = ({word for word, _ in answer["neighbours"]} for answer in answers)
    assert f"{len(first & second)} of 10 neighbours kept" in answers[1]["title"]


def test_sums_are_analogies(served):
    _, body = get(served, "/similar", words="king - man + woman")
    near = json.loads(body)["models"][0]["neighbours"]
    expected = served[2]["a"].analogy("man", "king", "woman", topn=10)
    assert [word for word, _ in near] == [word for word, _ in expected]


def test_an_axis_is_the_cosine_with_a_difference(served):
    _, body = get(served, "/axis", **{"from": "man", "to": "woman"})
    values = json.loads(body)["values"]
    model = served[2]["a"]
    unit = model.vectors / np.linalg.norm(model.vectors, axis=1, keepdims=True)
    direction = unit[WORDS.index("woman")] - unit[WORDS.index("man")]
    assert np.allclose(values, (unit @ direction / np.linalg.norm(direction))[:20], atol=2e-4)


@pytest.mark.parametrize("words", ["", "king -", "king man", "+ king"])
def test_what_cannot_be_asked_is_a_message(served, words):
    status, body = get(served, "/similar", words=words)
    assert status == 400
    assert "expected words joined" in json.loads(body)["error"]


def test_an_unknown_word_is_a_message_for_each_model(served):
    _, body = get(served, "/similar", words="kng")
    assert all("unknown word" in answer["title"] for answer in json.loads(body)["models"])


def test_the_page_may_ask_its_own_server_and_nobody_else(served):
    page = get(served, "/")[1].decode("utf-8")
    assert "default-src 'none'; script-src 'unsafe-inline'; style-src 'unsafe-inline'; connect-src 'self'" in page
    assert page.count("</script>") == 2


def test_signed_words():
    assert signed_words("king - man + woman") == (["king", "woman"], ["man"])
    assert signed_words("king \u2212 man") == (["king"], ["man"])
    with pytest.raises(ConfigError):
        signed_words("a b")


@pytest.mark.skipif(sys.platform == "win32", reason="signals")
def test_ctrl_c_ends_it_and_nothing_is_written(tmp_path):
    make_model(1).save(tmp_path / "m.safetensors")
    before = sorted(tmp_path.rglob("*"))
    process = subprocess.Popen(
        [sys.executable, "-m", "embedkit", "explore", "m.safetensors", "--no-browser"],
        cwd=tmp_path,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    address = process.stdout.readline().strip()
    with urllib.request.urlopen(address, timeout=30) as answer:
        assert b"<canvas" in answer.read()
    process.send_signal(signal.SIGINT)
    _, said = process.communicate(timeout=30)
    assert process.returncode == 130
    assert "stopped" in said
    assert sorted(tmp_path.rglob("*")) == before
