"""Pictures drawn with matplotlib, and the commands `plot` and `completion`."""

import json
import re
import shutil
import subprocess
import sys

import numpy as np
import pytest

from embedkit.errors import FormatError, UnknownWordError
from embedkit.plotting import canvas, curves, heatmap
from embedkit.plotting.attention import draw_attention
from embedkit.plotting.projection import project
from embedkit.plotting.selection import select
from embedkit.plotting.words import draw_words
from embedkit.query.keyed_vectors import KeyedVectors
from tests.commands import run_here

pytest.importorskip("matplotlib")
WORDS = ["man", "king", "woman", "queen", "서울", "한국", "도쿄", "일본", "$x$"]


@pytest.fixture(scope="module")
def model():
    return KeyedVectors(WORDS, np.random.default_rng(2).normal(size=(len(WORDS), 6)).astype(np.float32))


@pytest.fixture(scope="module")
def model_file(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("plot") / "m.safetensors"
    model.save(path)
    return path


def embedkit(*arguments):
    return run_here(*arguments)


def pixels(path):
    from matplotlib.image import imread

    return imread(path)


def test_words_are_drawn_the_same_each_time(model, tmp_path):
    chosen = select(model, analogies=[("man", "king", "woman", "queen")])
    points, shares = project(chosen.vectors)
    for name in ("a.png", "b.png", "a.svg", "b.svg"):
        assert draw_words(chosen, points, tmp_path / name, shares=shares, title="t") == 0
    assert (tmp_path / "a.png").read_bytes() == (tmp_path / "b.png").read_bytes()
    assert (tmp_path / "a.svg").read_bytes() == (tmp_path / "b.svg").read_bytes()
    drawn = re.findall(r"<text[^>]*>([^<]*)</text>", (tmp_path / "a.svg").read_text(encoding="utf-8"))
    assert {"man", "king", "woman", "queen", "t"} <= set(drawn)
    image = pixels(tmp_path / "a.png")
    assert image.shape[:2] == (1200, 1500)
    arrow = np.array([int(canvas.COLOURS[0][i : i + 2], 16) / 255 for i in (1, 3, 5)])
    assert (np.abs(image[:, :, :3] - arrow).max(axis=2) < 0.02).sum() > 200


def test_dark_pictures_are_dark(model, tmp_path):
    chosen = select(model)
    draw_words(chosen, project(chosen.vectors)[0], tmp_path / "d.png", dark=True, dpi=40)
    assert pixels(tmp_path / "d.png")[:, :, :3].mean() < 0.2


def test_hangul_is_written_in_a_korean_font_or_the_reader_is_told(model, tmp_path, monkeypatch):
    told = []
    chosen = select(model, ["서울", "한국"])
    points = project(chosen.vectors)[0]
    with canvas.style(chosen.words, say=told.append):
        import matplotlib

        families = matplotlib.rcParams["font.family"]
    if told:
        assert "fonts-nanum" in told[0]
    else:
        assert families[0] in canvas.KOREAN_FONTS
    told.clear()
    monkeypatch.setattr(canvas, "korean_fonts", list)
    draw_words(chosen, points, tmp_path / "k.png", dpi=40, say=told.append)
    assert told == [canvas.HOW_TO_GET_A_FONT]
    told.clear()
    latin = select(model, ["man", "king"])
    draw_words(latin, project(latin.vectors)[0], tmp_path / "l.png", dpi=40, say=told.append)
    assert told == []


def write_log(path, records, end="\n"):
    path.write_text("\n".join(json.dumps(record) for record in records) + end, encoding="utf-8")
    return path


def test_series_follow_the_progress_records_or_the_epochs():
    progress = [
        {
            "event": "progress",
            "seconds": i,
            "words": 10 * i,
            "words_per_second": 9,
            "epoch": 1,
            "loss": 3 - i,
            "learning_rate": 0.1,
        }
        for i in range(4)
    ]
    epochs = [{"event": "epoch", "epoch": 1, "words": 40, "loss": 2.5}, {"event": "epoch", "epoch": 2, "loss": None}]
    along, x, found = curves.series(progress + epochs)
    assert (along, x) == ("words", [0, 10, 20, 30])
    assert found == {"loss": [3, 2, 1, 0], "learning_rate": [0.1] * 4}
    along, x, found = curves.series(progress[:2] + epochs)
    assert (along, x) == ("epoch", [1, 2])
    assert found["loss"][0] == 2.5
    assert np.isnan(found["loss"][1])


def test_a_log_that_is_still_being_written(tmp_path):
    log = write_log(tmp_path / "l.jsonl", [{"epoch": 1, "loss": 2.0}], end='\n{"epoch": 2, "lo')
    assert curves.read_log(log) == [{"epoch": 1, "loss": 2.0}]


@pytest.mark.parametrize(
    "content, match",
    [
        ("", "no record"),
        ("words\n", "line 1"),
        ('{"a": 1}\n[1]\n', "line 2"),
        ('{"event": "x"}\n', "none"),
    ],
)
def test_bad_logs(tmp_path, content, match):
    (tmp_path / "l.jsonl").write_text(content)
    with pytest.raises(FormatError, match=match):
        curves.draw_curves([tmp_path / "l.jsonl"], tmp_path / "o.png")
    assert not (tmp_path / "o.png").exists()


def test_a_heat_map_is_darkest_where_counts_are_highest(tmp_path):
    counts = np.array([[0.0, 9.0], [9.0, 0.0]])
    heatmap.draw_heatmap(["왕", "b"], counts, tmp_path / "h.png", dpi=50)
    image = pixels(tmp_path / "h.png")[:, :, :3].mean(axis=2)
    assert (image < 0.3).mean() > 0.1
    assert (image > 0.95).mean() > 0.3


def test_counts_are_read_from_a_file_or_counted_in_a_text(tmp_path):
    (tmp_path / "t.txt").write_text("i like deep learning\ni like nlp\ni enjoy flying\n")
    counts = heatmap.read_counts(tmp_path / "t.txt", window=1)
    words, matrix = heatmap.counts_among(counts, ["i", "like", "enjoy"])
    assert words == ["i", "like", "enjoy"]
    assert matrix.tolist() == [[0, 2, 1], [2, 0, 0], [1, 0, 0]]
    assert heatmap.counts_among(counts, most_frequent=2)[0] == ["i", "like"]
    with pytest.raises(UnknownWordError, match="lik"):
        heatmap.counts_among(counts, ["lik"])
    assert (
        embedkit(
            "cooccur", tmp_path / "t.txt", "-o", tmp_path / "c.safetensors", "--min-count", 1, "--window", 1, "-q"
        ).returncode
        == 0
    )
    stored = heatmap.read_counts(tmp_path / "c.safetensors")
    np.testing.assert_array_equal(heatmap.counts_among(stored, words)[1], matrix)
    done = embedkit("plot", "--cooccurrences", tmp_path / "c.safetensors", "i", "like", "-o", tmp_path / "h.svg")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "h.svg").stat().st_size > 1000


def test_plot_draws_every_kind_of_file(model_file, tmp_path):
    done = embedkit("plot", model_file, "king", "--neighbours", 3, "-o", tmp_path / "w.png", "--dpi", 40)
    assert done.returncode == 0, done.stderr
    assert pixels(tmp_path / "w.png").shape[:2] == (320, 400)
    done = embedkit(
        "plot",
        model_file,
        "--analogy",
        "man",
        "king",
        "woman",
        "queen",
        "--method",
        "tsne",
        "--size",
        4,
        3,
        "-o",
        tmp_path / "w.svg",
    )
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "w.svg").read_text(encoding="utf-8").lstrip().startswith("<?xml")
    log = write_log(tmp_path / "run.jsonl", [{"epoch": i, "loss": 1 / i} for i in (1, 2, 3)])
    done = embedkit("plot", "--log", log, "-o", tmp_path / "c.pdf")
    assert done.returncode == 0, done.stderr
    assert (tmp_path / "c.pdf").read_bytes().startswith(b"%PDF")


def test_the_title_of_a_picture_is_no_whole_text(tmp_path):
    draw_attention(np.eye(2), ["a", "b"], ["a", "b"], tmp_path / "a.svg", title="word " * 200)
    assert len(re.findall("word", (tmp_path / "a.svg").read_text(encoding="utf-8"))) <= 25
    assert "…" in (tmp_path / "a.svg").read_text(encoding="utf-8")


def test_a_pdf_in_korean_says_nothing_of_the_tables_of_its_fonts(tmp_path, caplog):
    done = embedkit("show", "windows", "왕이 땅을 다스린다", "-o", tmp_path / "w.pdf")
    assert done.returncode == 0
    assert not caplog.records


def test_the_page_needs_no_matplotlib(model_file, tmp_path):
    script = (
        "import sys; sys.modules['matplotlib'] = None; from embedkit.cli import main; "
        f"sys.exit(main(['plot', {str(model_file)!r}, '-o', {str(tmp_path / 'p.html')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
    assert "서울" in (tmp_path / "p.html").read_text(encoding="utf-8")


def test_without_matplotlib_the_extra_is_named(model_file, tmp_path):
    script = (
        "import sys; sys.modules['matplotlib'] = None; from embedkit.cli import main; "
        f"sys.exit(main(['plot', {str(model_file)!r}, '-o', {str(tmp_path / 'p.png')!r}]))"
    )
    done = subprocess.run([sys.executable, "-c", script], capture_output=True, text=True)
    assert done.returncode == 1
    assert "pip install 'embedkit[plot]'" in done.stderr
    assert not (tmp_path / "p.png").exists()


@pytest.mark.parametrize(
    "arguments, status, match",
    [
        (["MODEL", "-o", "x.gif"], 2, ".png"),
        (["-o", "x.png"], 2, "expected a MODEL"),
        (["MODEL", "quen", "-o", "x.png"], 1, "queen"),
        (["MODEL", "--log", "l", "-o", "x.png"], 2, "no MODEL"),
        (["--log", "missing.jsonl", "-o", "x.png"], 1, "missing.jsonl"),
        (["MODEL", "--method", "tsne", "--perplexity", "1", "-o", "x.png"], 2, "perplexity"),
        (["MODEL", "-o", "nowhere/x.html"], 1, "does not exist"),
    ],
)
def test_plot_says_what_is_wrong(model_file, tmp_path, monkeypatch, arguments, status, match):
    monkeypatch.chdir(tmp_path)
    done = embedkit("plot", *[model_file if a == "MODEL" else a for a in arguments])
    assert done.returncode == status
    assert match in done.stderr
    assert "Traceback" not in done.stderr
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_completion_scripts_call_embedkit(shell):
    done = embedkit("completion", shell)
    assert done.returncode == 0
    assert f"_EMBEDKIT_COMPLETE={shell}_complete" in done.stdout


@pytest.mark.skipif(shutil.which("bash") is None, reason="no bash here")
def test_bash_completes_commands_and_options(tmp_path):
    command = tmp_path / "embedkit"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -m embedkit "$@"\n')
    command.chmod(0o755)
    script = f"""
        export PATH="{tmp_path}:$PATH"
        eval "$(embedkit completion bash)"
        complete -p embedkit
        complete_line() {{
            COMP_WORDS=(embedkit "$@"); COMP_CWORD=$#; COMPREPLY=()
            _embedkit_completion embedkit; echo "${{COMPREPLY[@]}}"
        }}
        complete_line sim
        complete_line plot --per
        complete_line plot --method ""
    """
    done = subprocess.run(["bash", "-c", script], capture_output=True, text=True)
    lines = done.stdout.splitlines()
    assert "_embedkit_completion" in lines[0], done.stderr
    assert lines[1:] == ["similar similarity", "--perplexity", "pca tsne"]
