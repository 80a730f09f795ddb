"""``classify`` with a bag of features, as a shell sees it: training, prediction, evaluation, the forms of data."""

import json
import random
import unicodedata

import pytest

from embedkit.cli import main

GOOD, BAD, PLAIN = ["좋다", "moving"], ["나쁘다", "dull"], ["the", "film", "plot", "영화"]


def lines(seed, n=200):
    draw = random.Random(seed)
    for i in range(n):
        words = [draw.choice(GOOD if i % 2 else BAD), *draw.choices(PLAIN, k=4)]
        yield " ".join(words), "pos" if i % 2 else "neg"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    path = tmp_path_factory.mktemp("bag")
    pairs = list(lines(1))
    (path / "tab.tsv").write_text("".join(f"{text}\t{label}\n" for text, label in pairs) + "\n", encoding="utf-8")
    (path / "marked.txt").write_text(
        "".join(f"__label__{label} __label__any {text}\n" for text, label in pairs), encoding="utf-8"
    )
    (path / "table.csv").write_text(
        "id,polarity,review\n" + "".join(f'{i},{label},"{text}"\n' for i, (text, label) in enumerate(pairs)),
        encoding="utf-8",
    )
    assert (
        main(["classify", "train", f"{path}/tab.tsv", "--model", "fasttext", *FAST, "-o", f"{path}/m.bin", "-q"]) == 0
    )
    return path


FAST = ["--dim", "10", "--bucket", "500", "--epoch", "30", "--lr", "0.4", "--thread", "1"]


def run(capsys, *arguments, status=0):
    capsys.readouterr()
    assert main(["classify", *map(str, arguments)]) == status
    return capsys.readouterr()


def test_a_line_is_a_label_and_its_probability(folder, capsys, tmp_path):
    (tmp_path / "new.txt").write_text("a moving film\n\ndull 영화\n", encoding="utf-8")
    found = run(capsys, "predict", folder / "m.bin", tmp_path / "new.txt")
    rows = [line.split("\t") for line in found.out.splitlines()]
    assert [row[0] for row in rows] == ["pos", rows[1][0], "neg"]
    assert all(float(row[1]) > 0.5 for row in rows)


def test_several_labels_above_a_threshold(folder, capsys, tmp_path):
    (tmp_path / "new.txt").write_text("a moving film\n", encoding="utf-8")
    found = run(capsys, "predict", folder / "m.bin", tmp_path / "new.txt", "-k", "5")
    label, first, other, second = found.out.rstrip("\n").split("\t")
    assert (label, other) == ("pos", "neg")
    assert float(first) + float(second) == pytest.approx(1, abs=1e-3)
    found = run(capsys, "predict", folder / "m.bin", tmp_path / "new.txt", "-k", "5", "--threshold", ".6", "--json")
    assert [answer["label"] for answer in json.loads(found.out)["labels"]] == ["pos"]


@pytest.mark.parametrize(
    ("name", "columns"),
    [("tab.tsv", []), ("marked.txt", []), ("table.csv", ["--text-column", "review", "--label-column", "polarity"])],
)
@pytest.mark.parametrize("target", ["m.safetensors", "m.bin"])
def test_every_form_of_data_trains_and_is_measured(folder, name, columns, target, capsys, tmp_path):
    out = tmp_path / target
    loss = ["--loss", "ova"] if name == "marked.txt" else []
    run(capsys, "train", folder / name, *columns, "--model", "fasttext", *loss, *FAST, "-o", out)
    found = run(capsys, "evaluate", out, folder / name, *columns, "--json", *(["-k", "2"] if loss else []))
    scores = json.loads(found.out)
    if loss:  # the two labels of each line
        assert scores["precision"] == scores["recall"] == scores["f1"] == 1
    else:
        assert scores == {"accuracy": 1, "macro_f1": 1, "texts": 200}


def test_figures_of_each_label(folder, capsys):
    found = run(capsys, "evaluate", folder / "m.bin", folder / "tab.tsv", "-k", "1", "--per-label", "--json")
    rows = [json.loads(line) for line in found.out.splitlines()]
    assert sorted(row["label"] for row in rows) == ["neg", "pos"]
    assert all(row["precision"] == row["recall"] == 1 and row["count"] == 100 for row in rows)


def test_labels_that_the_model_does_not_know_are_told(folder, capsys, tmp_path):
    (tmp_path / "some.tsv").write_text("a moving film\tpos\na dull film\tbad\n", encoding="utf-8")
    (tmp_path / "swapped.tsv").write_text("pos\ta moving film\nneg\ta dull film\n", encoding="utf-8")
    for options in ([], ["-k", "2"], ["--precision", ".9"]):
        found = run(capsys, "evaluate", folder / "m.bin", tmp_path / "some.tsv", *options)
        assert "1 label is none that the model knows, as 'bad': it counts as wrong" in found.err
        found = run(capsys, "evaluate", folder / "m.bin", tmp_path / "swapped.tsv", *options)
        assert "found 'a moving film', expected neg, pos; are the columns the other way round?" in found.err
    assert "knows" not in run(capsys, "evaluate", folder / "m.bin", folder / "tab.tsv").err
    korean = [unicodedata.normalize(form, "영화가 재미있다\t좋음\n영화가 지루하다\t나쁨\n") for form in ("NFC", "NFD")]
    for name, text in zip(("composed.tsv", "apart.tsv"), korean, strict=True):
        (tmp_path / name).write_text(text, encoding="utf-8")
    run(capsys, "train", tmp_path / "composed.tsv", "--model", "fasttext", "-o", tmp_path / "k.bin")
    assert "in Unicode's composed form" in run(capsys, "evaluate", tmp_path / "k.bin", tmp_path / "apart.tsv").err
    tune = ["--autotune", tmp_path / "swapped.tsv", "--seconds", ".2", "--model", "fasttext"]
    train = ["train", folder / "tab.tsv", *tune, "-o", tmp_path / "a.bin"]
    assert "the other way round?" in run(capsys, *train, status=1).err


@pytest.mark.parametrize("options", [[], ["-k", "2"], ["--explain"]])
def test_labelled_lines_among_those_to_label_are_told(folder, options, capsys):
    found = run(capsys, "predict", folder / "m.bin", folder / "tab.tsv", *options)
    assert found.err.count("warning: line 1 ends in a tab and the label 'neg', which counts as text") == 1
    assert len(found.out.splitlines()) == 201


def test_an_option_of_networks_is_named_where_it_chooses_one(folder, capsys, tmp_path):
    out = tmp_path / "m.safetensors"
    found = run(capsys, "train", folder / "tab.tsv", "--patience", "1", "--epochs", "1", "-o", out)
    assert "note: with --patience a network is trained (--model gru); --model linear has no such option" in found.err


def test_a_no_break_space_is_a_letter_in_training_answers_and_explanations(capsys, tmp_path):
    (tmp_path / "t.txt").write_text("__label__a ten\u00a0miles off\n__label__b ten miles off\n" * 20, encoding="utf-8")
    run(capsys, "train", tmp_path / "t.txt", "--model", "fasttext", *FAST, "-o", tmp_path / "m.bin")
    (tmp_path / "new.txt").write_text("ten\u00a0miles off\nten miles off\n", encoding="utf-8")
    found = run(capsys, "predict", tmp_path / "m.bin", tmp_path / "new.txt", "--explain", "--json").out.splitlines()
    assert [json.loads(line)["label"] for line in found] == ["a", "b"]
    words = [[pair["word"] for pair in json.loads(line)["weights"]] for line in found]
    assert words == [["ten\u00a0miles", "off"], ["ten", "miles", "off"]]


def test_words_are_explained_by_leaving_them_out(folder, capsys, tmp_path):
    (tmp_path / "new.txt").write_text("the moving film\n\n", encoding="utf-8")
    found = run(capsys, "predict", folder / "m.bin", tmp_path / "new.txt", "--explain", "--json")
    first, empty = map(json.loads, found.out.splitlines())
    weights = {pair["word"]: pair["weight"] for pair in first["weights"]}
    assert max(weights, key=weights.get) == "moving"
    assert empty["label"] is None
    assert "line 2 is empty" in found.err


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--model", "fasttext", "--hidden-size", "5"], "--hidden-size has no effect with --model fasttext"),
        (["--model", "fasttext", "--vectors", "v.txt"], "--vectors has no effect with --model fasttext"),
        (["--model", "gru", "--word-ngrams", "2"], "--word-ngrams has no effect with --model gru"),
        (["--model", "fasttext", "--negative", "2"], "--negative has no effect with --loss softmax"),
        (["--model", "fasttext", "--minn", "3"], "--min-n has no effect without --max-n"),
        (["--model", "fasttext", "--text-column", "x"], "--text-column and --label-column go together"),
    ],
)
def test_what_would_do_nothing_is_refused(arguments, message, folder, capsys, tmp_path):
    found = run(capsys, "train", folder / "tab.tsv", *arguments, "-o", tmp_path / "m.bin", status=2)
    assert message in found.err
    assert not (tmp_path / "m.bin").exists()


def test_several_labels_a_line_need_a_bag(folder, capsys, tmp_path):
    options = ["--model", "gru", "-o", tmp_path / "m.safetensors"]
    found = run(capsys, "train", folder / "marked.txt", *options, status=1)
    assert (
        "marked.txt, line 1: expected one label a text, found 2: neg, any; several need --model linear or fasttext"
        in found.err
    )


def test_a_table_without_the_column(folder, capsys, tmp_path):
    columns = ["--text-column", "review", "--label-column", "stars"]
    found = run(capsys, "train", folder / "table.csv", *columns, "--model", "fasttext", "-o", tmp_path / "m", status=1)
    assert "table.csv, line 1: no column 'stars'; found id, polarity, review" in found.err


def test_every_label_with_its_probability(folder, capsys, tmp_path):
    (tmp_path / "new.txt").write_text("a moving film\n", encoding="utf-8")
    label, first, other, second = run(capsys, "predict", folder / "m.bin", tmp_path / "new.txt", "--all").out.split()
    assert (label, other) == ("pos", "neg") and float(first) + float(second) == pytest.approx(1, abs=1e-3)
    found = run(capsys, "predict", folder / "m.bin", tmp_path / "new.txt", "--all", "--json").out
    assert [each["label"] for each in json.loads(found)["labels"]] == ["pos", "neg"]
    for idle in (["-k", "1"], ["--threshold", ".5"], ["--explain"]):
        found = run(capsys, "predict", folder / "m.bin", tmp_path / "new.txt", "--all", *idle, status=2)
        assert "no effect" in found.err


def test_every_way_of_asking_a_tree_agrees(capsys, tmp_path):
    """Labels that the descent leaves out are as unlikely everywhere, and the likeliest is the same."""
    out, data, new = tmp_path / "m.safetensors", tmp_path / "data.tsv", tmp_path / "new.txt"
    data.write_text("".join(f"w{i % 40} w{i % 7}\t{i % 40}\n" for i in range(800)))
    new.write_text("w3 w3\nw8 w1\n")
    options = ["--loss", "hs", *FAST[:2], "--epoch", "30", "--lr", ".5", "--thread", "1"]
    run(capsys, "train", data, "--model", "fasttext", *options, "-o", out)
    accuracy = json.loads(run(capsys, "evaluate", out, data, "--json").out)["accuracy"]
    assert accuracy == json.loads(run(capsys, "evaluate", out, data, "-k", "1", "--json").out)["precision"] > 0.9
    thresholds = run(capsys, "evaluate", out, data, "--precision", ".9", "--json").out.splitlines()
    assert sum(json.loads(row)["recall"] for row in thresholds) / 40 > 0.8
    one = [line.split("\t") for line in run(capsys, "predict", out, new).out.splitlines()]
    every = [line.split("\t") for line in run(capsys, "predict", out, new, "--all").out.splitlines()]
    explained = [line.split("\t") for line in run(capsys, "predict", out, new, "--explain", "--json").out.splitlines()]
    assert [len(set(row[::2])) for row in every] == [40, 40]
    assert [row[:2] for row in every] == one and one[0][0] == "3"
    explained = [json.loads(row) for (row,) in explained]
    assert [[row["label"], f"{row['probability']:.4f}"] for row in explained] == one
    assert all(pair["weight"] > 0 for pair in explained[0]["weights"])


@pytest.mark.parametrize("model", ["linear", "fasttext"])
@pytest.mark.parametrize("name", ["m.safetensors", "m.bin", "m.ftz"])
def test_what_is_said_of_a_file_is_what_made_it(model, name, folder, capsys, tmp_path):
    out = tmp_path / name
    options = ["--bucket", "500", "--thread", "1", *(["--quantize"] if name == "m.ftz" else [])]
    run(capsys, "train", folder / "tab.tsv", "--model", model, "--word-ngrams", "2", *options, "-o", out)
    capsys.readouterr()
    assert main(["info", str(out), "--json"]) == 0
    facts = json.loads(capsys.readouterr().out)
    config = facts["config"]
    assert (facts["labels"], sorted(facts["first_labels"])) == (2, ["neg", "pos"])
    assert config["loss"] == "softmax" and not {"negative", "window", "sample", "algorithm"} & set(config)
    assert ("epochs" in config) == (model == "fasttext") and ("cost" in config) == (
        model == "linear" and name == "m.safetensors"
    )
    assert name != "m.safetensors" or facts["kind"] == model
    if name == "m.ftz" and model == "linear":
        assert facts["subwords"]["kept"] == f"{facts['ngram_rows']} entries"


@pytest.mark.parametrize("model", [["--model", "linear"], ["--model", "fasttext", *FAST[:2]], []])
def test_several_labels_that_share_one_probability_are_told(model, folder, capsys, tmp_path):
    train = ["train", folder / "marked.txt", *model, "--bucket", "500", "--thread", "1", "-o", tmp_path / "m.bin"]
    tune = ["--autotune", folder / "marked.txt", "--seconds", ".1"]
    for more in ([], tune):
        told = "note: 200 texts have several labels: with --loss softmax they share one probability; --loss ova asks"
        assert run(capsys, *train, *more, "--loss", "softmax").err.count(told) == 1
        assert "several labels" not in run(capsys, *train, *more, "--loss", "ova").err
    assert "several labels" not in run(capsys, "train", folder / "tab.tsv", *train[2:], "--loss", "softmax").err


def test_the_help_of_a_loss_says_which_model_has_which(capsys):
    found = " ".join(run(capsys, "train", "--help").out.split())
    assert "--loss [softmax|hs|ns|ova] fasttext, linear (softmax, ova): ova: each label" in found
    assert "--bucket INTEGER fasttext, linear: Rows" in found


def test_a_file_that_is_trained_on_and_measured_with_is_told(folder, capsys, tmp_path):
    out, data = tmp_path / "m.safetensors", folder / "tab.tsv"
    (tmp_path / "link.tsv").symlink_to(data)
    found = run(capsys, "train", data, "--autotune", tmp_path / "link.tsv", "--seconds", ".1", "-o", out)
    assert "warning: --autotune " in found.err and "is trained on too" in found.err
    found = run(capsys, "train", data, "--model", "mean", "--valid", data, "--epochs", "1", "-o", out)
    assert "warning: --valid " in found.err and "is trained on too" in found.err


@pytest.mark.parametrize("model", ["linear", "fasttext", None])
def test_a_bag_is_measured_on_the_file_that_is_named(model, folder, capsys, tmp_path):
    out, valid = tmp_path / "m.safetensors", tmp_path / "valid.tsv"
    valid.write_text("a moving film\tpos\na dull plot\tneg\na moving plot\tpos\na dull film\tother\n")
    options = [*(["--model", model] if model else []), "--bucket", "500", "--workers", "1", "--valid", valid, "-o", out]
    found = run(capsys, "train", folder / "tab.tsv", *options).err
    assert f"accuracy 0.7500 on 4 texts of --valid; saved to {out}" in found
    assert "1 label is none that the model knows, as 'other': it counts as wrong" in found
    assert ("--model linear" in found) == (model is None)
    found = run(capsys, "train", folder / "tab.tsv", *options, "--valid-fraction", ".2", status=2).err
    assert "--valid-fraction has no effect with --" in found
    found = run(capsys, "train", folder / "tab.tsv", *options, "--autotune", valid, status=2).err
    assert "--valid has no effect with --autotune, whose file measures" in found
    valid.write_text("a moving film\tother\n")
    found = run(capsys, "train", folder / "tab.tsv", *options, status=1).err
    assert "--valid holds none of the labels that are trained on: expected neg, pos, found other" in found


@pytest.mark.parametrize("model", ["linear", "fasttext"])
def test_blank_lines_keep_their_place(model, folder, capsys, tmp_path):
    out, lines = tmp_path / "m.safetensors", tmp_path / "lines.txt"
    run(capsys, "train", folder / "tab.tsv", "--model", model, "--bucket", "500", "--workers", "1", "-o", out)
    lines.write_text("a moving film\n\n \na dull plot\n")
    for options in ([], ["--all"], ["-k", "2"]):
        found = run(capsys, "predict", out, lines, *options)
        rows = found.out.splitlines()
        assert len(rows) == 4 and rows[0][:3] == "pos" and rows[3][:3] == "neg"
        assert rows[1] == rows[2] and (rows[1] == "–\t–") == (model == "linear")  # fastText gives these a label
        assert ("line 2 is empty" in found.err) == (model == "linear")
    records = [json.loads(line) for line in run(capsys, "predict", out, lines, "--json").out.splitlines()]
    assert len(records) == 4 and (records[1]["label"] is None) == (model == "linear")


def test_standard_input_is_read_once(capsys, tmp_path):
    for arguments in (["-", "-"], ["-", "--valid", "-"]):
        found = run(capsys, "train", *arguments, "-o", tmp_path / "m.safetensors", status=2)
        assert "standard input (-) is named twice" in found.err


@pytest.mark.parametrize("kind", ["linear", "fasttext"])
def test_words_that_were_learnt_decomposed_are_known_as_they_were_written(kind, capsys, tmp_path):
    """Most of the text is composed; some of it has words of its own, from macOS."""
    rare = [unicodedata.normalize("NFD", line) for line in ("정말 끔찍해\tneg", "정말 굉장해\tpos")]
    lines = ["영화가 좋다\tpos", "영화가 싫다\tneg"] * 150 + rare * 30
    (tmp_path / "mixed.tsv").write_text("\n".join(lines) + "\n", encoding="utf-8")
    options = ["--model", kind, "--min-n", "0", "--max-n", "0"] if kind == "linear" else ["--model", kind, *FAST]
    run(capsys, "train", tmp_path / "mixed.tsv", *options, "-o", tmp_path / "m.bin")
    for form in ("NFD", "NFC"):
        (tmp_path / "new.txt").write_text(unicodedata.normalize(form, "끔찍해\n굉장해\n"), encoding="utf-8")
        found = run(capsys, "predict", tmp_path / "m.bin", tmp_path / "new.txt", "--json")
        rows = [json.loads(line) for line in found.out.splitlines()]
        assert [row["label"] for row in rows] == ["neg", "pos"], form
        assert min(row["probability"] for row in rows) > 0.9 and "knows" not in found.err
