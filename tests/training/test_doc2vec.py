"""Paragraph vectors: the kernels against plain float64, lines and their rows, inferring, the two commands."""

import io
import json

import numpy as np
import pytest

import embedkit
from embedkit.analysis.alignment import align
from embedkit.analysis.compression import compress
from embedkit.analysis.operations import center, concatenate, keep_words, unit_length
from embedkit.cli import main
from embedkit.errors import ConfigError, TrainingError
from embedkit.files.checkpoint import load_checkpoint, save_checkpoint
from embedkit.training.doc2vec import infer
from embedkit.training.resuming import VERSION
from embedkit.vocabulary.corpus import Corpus

ANIMALS = "the cat and the dog chase a small mouse in the garden".split()  # noqa: SIM905
METALS = "iron or copper and steel melt when heat meets an ore".split()  # noqa: SIM905
MODES = {"dbow": {}, "dm": {"paragraphs": "dm"}, "words": {"train_words": True}}


def documents(n=60, length=30, seed=0):
    rng = np.random.default_rng(seed)
    return [list(rng.choice([ANIMALS, METALS][i % 2], length)) for i in range(n)]


def trained(mode, texts=None, **options):
    given = {"vector_size": 12, "epochs": 40, "min_count": 1, "workers": 1, "sample": 0.0, **MODES[mode], **options}
    return embedkit.train(texts or documents(), model="doc2vec", **given)


def sigmoid(x):
    return 1 / (1 + np.exp(-x))


def test_one_step_of_dbow_is_the_formula():
    """Eight words of a document and the negatives that they share, in float64."""
    from embedkit.kernels.paragraphs import Settings, train_dbow
    from embedkit.kernels.sampling import alias_table
    from embedkit.kernels.simd import aligned_zeros, padded_size

    rng = np.random.default_rng(3)
    n_words, size, rate = 20, 12, 0.1
    w_out, rows = aligned_zeros(n_words, padded_size(size)), aligned_zeros(3, padded_size(size))
    w_out[:, :size], rows[:, :size] = rng.normal(size=(n_words, size)), rng.normal(size=(3, size))
    out, doc = w_out.astype(np.float64), rows.astype(np.float64)
    ids = np.array([3, 5, 3, 7, 1, 2, -1, -1, 4, 4, 9], np.int32)
    ids.flags.writeable = False  # as those of a corpus: this is the compiled form that trainings have
    chosen = np.zeros(n_words)
    chosen[6] = 1  # every negative is word 6, then word 3
    for negative in (6, 3):
        table = alias_table(np.eye(n_words)[negative])
        settings = Settings(5, True, 10, np.float32(0.5), False)
        state = np.array([1], np.uint64)
        n, loss, n_terms = train_dbow(
            ids, np.ones(n_words, np.float32), table, settings, rows, w_out, np.float32(rate), state,
            np.zeros(1, np.int64), 0,
        )  # fmt: skip
        assert n == 9 and n_terms == 6
        expected_loss = 0.0
        for document, words in ((0, [3, 5, 3, 7, 1, 2]), (2, [4, 4, 9])):
            before, h = out.copy(), doc[document].copy()
            pairs = [(word, 1.0, 1.0) for word in words]
            pairs += [(negative, 0.0, 0.5 * sum(word != negative for word in words))] * 10
            for word, label, weight in pairs:
                gradient = rate * weight * (label - sigmoid(h @ before[word]))
                doc[document] += gradient * out[word]  # of a row that stands there twice, its value after the first
                out[word] += gradient * h
                if document == 0:
                    expected_loss -= weight * np.log(sigmoid(h @ before[word] * (1 if label else -1)))
        np.testing.assert_allclose(w_out, out, atol=2e-4)
        np.testing.assert_allclose(rows, doc, atol=2e-4)
        assert loss == pytest.approx(expected_loss, rel=1e-3)


@pytest.mark.parametrize("mode", ["dm", "words"])
def test_a_document_is_one_more_context_row(mode):
    """One block of one document against plain float64; CBOW's hidden vector is the mean with the document in it."""
    from embedkit.kernels.cbow import make_cbow
    from embedkit.kernels.sampling import alias_table
    from embedkit.kernels.simd import aligned_zeros, padded_size
    from embedkit.kernels.word2vec import Settings, make_skipgram

    rng = np.random.default_rng(5)
    n_words, size, rate, negative = 10, 16, 0.1, 9
    row_size = padded_size(size)
    w_in, w_out = aligned_zeros(n_words + 2, row_size), aligned_zeros(n_words, row_size)
    w_in[:, :size], w_out[:, :size] = rng.normal(size=(n_words + 2, size)), rng.normal(size=(n_words, size))
    inputs, outputs = w_in.astype(np.float64), w_out.astype(np.float64)
    old_in, old_out = inputs.copy(), outputs.copy()
    ids = np.array([-1, 1, 2, 3], np.int32)  # the second document, three centres
    ids.flags.writeable = False
    kernel = (make_cbow if mode == "dm" else make_skipgram)(row_size, True)
    n_shared = 1 if mode == "dm" else 8
    settings = Settings(1, False, n_shared, np.float32(5 / n_shared), False)
    kernel(
        ids, np.ones(n_words, np.float32), alias_table(np.eye(n_words)[negative]), settings, w_in, w_out,
        np.float32(rate), np.array([1], np.uint64), np.zeros(1, np.int64), document=n_words,
    )  # fmt: skip
    document = n_words + 1
    for centre, neighbours in ((1, [2]), (2, [1, 3]), (3, [2])):
        context = [document, *neighbours]
        hidden = [old_in[context].mean(axis=0)] if mode == "dm" else list(old_in[context])
        for k, h in enumerate(hidden):
            change = np.zeros_like(h)
            for word, label, weight in ((centre, 1, 1.0), (negative, 0, 5.0)):
                gradient = rate * weight * (label - sigmoid(h @ old_out[word]))
                outputs[word] += gradient * h
                change += gradient * old_out[word]
            for row in context if mode == "dm" else [context[k]]:
                inputs[row] += change
    np.testing.assert_allclose(w_in, inputs, atol=2e-4)
    np.testing.assert_allclose(w_out, outputs, atol=2e-4)


@pytest.mark.parametrize("mode", MODES)
def test_documents_of_one_kind_are_near_each_other_and_so_are_new_ones(mode):
    model = trained(mode)
    vectors = model.table.document_vectors
    assert vectors.shape == (60, 12) and vectors.dtype == np.float32
    new = infer(model, [" ".join(words) for words in documents(10, seed=1)])
    both = np.concatenate([vectors, new])
    both = both / np.linalg.norm(both, axis=1, keepdims=True)
    cosines = both @ both.T
    same = np.add.outer(np.arange(70), np.arange(70)) % 2 == 0
    np.fill_diagonal(cosines, np.nan)
    margin = 0.05 if mode == "dm" else 0.5  # a word's neighbours tell PV-DM most of what the document could
    assert np.nanmean(cosines[same]) > np.nanmean(cosines[~same]) + margin


@pytest.mark.parametrize("mode", MODES)
def test_a_line_keeps_its_row_and_one_without_words_is_zero(mode, tmp_path):
    texts = [["cat", "dog"], [], ["unique"], ["dog", "cat", "cat"]] * 20 + [["once"]]
    path = tmp_path / "t.txt"
    path.write_text("\n".join(map(" ".join, texts)) + "\n")
    for source in (texts, path):
        model = embedkit.train(
            source, model="doc2vec", vector_size=12, epochs=2, min_count=25, workers=2, sample=0.0, **MODES[mode]
        )
        vectors = model.table.document_vectors
        assert vectors.shape == (81, 12)
        assert vectors.any(axis=1).tolist() == ["cat" in words for words in texts]


def test_empty_lines_are_kept_where_they_are_asked_for(tmp_path):
    text = "\n\na b\n\n\nx\nb\n"
    for tail in ("", "\n", "a"):
        (tmp_path / "t.txt").write_text(text + tail)
        for tokenizer in ("whitespace", "words"):
            corpus = Corpus.from_text(tmp_path / "t.txt", min_count=1, keep_empty=True, tokenizer=tokenizer, workers=2)
            words = [[corpus.vocabulary.index_to_key[i] for i in sentence] for sentence in corpus.sentences()]
            assert words == [line.split() for line in (text + tail).removesuffix("\n").split("\n")]
            plain = Corpus.from_text(tmp_path / "t.txt", min_count=1, tokenizer=tokenizer)
            assert [s.tolist() for s in plain.sentences()] == [s.tolist() for s in corpus.sentences() if len(s)]


@pytest.mark.parametrize("mode", MODES)
def test_a_line_gets_the_same_vector_whatever_stands_beside_it(mode):
    model = trained(mode, epochs=5)
    lines = ["the cat", "iron ore melt", "unheard", ""]
    together = infer(model, lines)
    for line, vector in zip(lines, together, strict=True):
        np.testing.assert_array_equal(infer(model, [line])[0], vector)
    assert not together[2:].any() and together[:2].any(axis=1).all()
    before = model.vectors.copy()
    assert not np.array_equal(infer(model, lines[:1], epochs=1), together[:1])
    np.testing.assert_array_equal(model.vectors, before)


@pytest.mark.parametrize("mode", MODES)
def test_the_model_comes_back(mode, tmp_path):
    model = trained(mode, epochs=3)
    model.save(tmp_path / "m.safetensors")
    again = embedkit.load(tmp_path / "m.safetensors")
    np.testing.assert_array_equal(again.table.document_vectors, model.table.document_vectors)
    np.testing.assert_array_equal(infer(again, ["the cat"]), infer(model, ["the cat"]))
    with pytest.warns(UserWarning, match="does not keep.* the vectors of documents"):
        model.save(tmp_path / "m.txt")
    again.table.config = {**again.config, "negative": "many"}
    with pytest.raises(ConfigError):
        infer(again, ["the cat"])


@pytest.mark.parametrize("mode", MODES)
def test_models_made_of_it_infer_as_it_does_or_not_at_all(mode):
    """`infer` took the vectors of words for output vectors where an operation had left these out."""
    model = trained(mode, epochs=3)
    expected = infer(model, ["the cat"])
    cut = keep_words(model, top=len(model))
    np.testing.assert_array_equal(infer(cut, ["the cat"]), expected)
    np.testing.assert_array_equal(cut.table.document_vectors, model.table.document_vectors)
    small = compress(model, "float16")
    np.testing.assert_allclose(infer(small, ["the cat"]), expected, atol=1e-3)
    assert small.table.dropped == ("the vectors of documents",)
    turned = align(model, trained(mode, epochs=2), [(word, word) for word in model], held_out=0)
    documents = model.table.document_vectors @ turned.rotation
    np.testing.assert_allclose(turned.vectors.table.document_vectors, documents, atol=1e-5)
    assert len(infer(turned.vectors, ["the cat"])) == 1
    for changed in (center(model), unit_length(model), concatenate(model, model)):
        with pytest.raises(ConfigError, match=r"changed after training .*, without its output vectors"):
            infer(changed, ["the cat"])


def test_windows_are_of_neighbours_and_older_files_name_them_all_the_same():
    with pytest.raises(ConfigError, match=r"`window` has no effect .* `paragraphs` dm, or `train_words`"):
        trained("dbow", window=3)
    model = trained("dbow", epochs=2)
    assert "window" not in model.config
    expected = infer(model, ["the cat"])
    model.table.config = {**model.config, "window": 5, "shrink_windows": True}
    np.testing.assert_array_equal(infer(model, ["the cat"]), expected)
    assert trained("words", epochs=2, window=3).config["window"] == 3


def test_a_run_resumes(tmp_path):
    whole = trained("dm", epochs=4)
    trained("dm", epochs=2, checkpoint=tmp_path / "c", checkpoint_every=0.0)
    resumed = trained("dm", epochs=4, checkpoint=tmp_path / "c", resume=True)
    assert resumed.table.document_vectors.shape == whole.table.document_vectors.shape


def test_a_run_resumes_whose_checkpoint_names_what_has_no_effect(tmp_path):
    trained("dbow", epochs=2, checkpoint=tmp_path, checkpoint_every=0.0)
    metadata, arrays, rule = load_checkpoint(tmp_path, "doc2vec", version=VERSION)
    metadata["config"] |= {"window": 5, "shrink_windows": True}
    save_checkpoint(tmp_path, "doc2vec", metadata, arrays, version=rule)
    assert trained("dbow", epochs=4, checkpoint=tmp_path, resume=True).config["epochs"] == 4


def test_options_that_do_not_fit_are_refused():
    for options in ({"train_words": True, "paragraphs": "dm"}, {"cbow_gradient": "mean"}, {"replicas": 2}):
        with pytest.raises(ConfigError):
            embedkit.train(documents(4), model="doc2vec", min_count=1, **options)
    with pytest.raises(ConfigError, match="train it with `model` doc2vec"):
        infer(embedkit.train(documents(4), vector_size=12, min_count=1, epochs=1), ["cat"])
    model = embedkit.train(documents(4), model="doc2vec", vector_size=12, min_count=1, epochs=1)
    del model.config["epochs"]
    with pytest.raises(ConfigError, match="lacks epochs"):
        infer(model, ["cat"])
    assert infer(model, ["cat"], epochs=1).shape == (1, 12)


@pytest.mark.parametrize("mode", MODES)
@pytest.mark.parametrize(("rate", "found"), [(1e5, "times as long as"), (1e38, "no numbers any more")])
def test_inferring_that_diverges_is_an_error(mode, rate, found):
    model = trained(mode, epochs=5)
    infer(model, ["the cat", "unheard"], learning_rate=0.5, epochs=200)
    with pytest.raises(TrainingError, match=f"inferring diverged: .*{found}.*; lower `learning_rate`"):
        infer(model, ["the cat iron ore", "unheard"], learning_rate=rate, epochs=5)


def test_the_commands(tmp_path, monkeypatch, capsys):
    monkeypatch.chdir(tmp_path)
    lines = [" ".join(words) for words in documents(20)]
    (tmp_path / "t.txt").write_text("\n".join(["", *lines]) + "\n")
    train = "train t.txt -o m.safetensors --model doc2vec --min-count 1 --vector-size 12 --epochs 3 --workers 1 -q"
    assert main(train.split()) == 0
    assert main(["infer", "m.safetensors", "--trained", "--npy", "t.npy"]) == 0
    assert "1 of 21 lines" in capsys.readouterr().err
    rows = np.load("t.npy")
    assert rows.shape == (21, 12) and not rows[0].any() and rows[1:].any(axis=1).all()
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(b"the cat\n\nore\n"), encoding="utf-8"))
    assert main(["infer", "m.safetensors"]) == 0
    found = np.array([[float(x) for x in line.split()] for line in capsys.readouterr().out.splitlines()])
    np.testing.assert_array_equal(
        found.astype(np.float32), infer(embedkit.load("m.safetensors"), ["the cat", "", "ore"])
    )
    assert main(["infer", "m.safetensors", "the cat", "--json"]) == 0
    assert set(json.loads(capsys.readouterr().out)) == {"text", "vector"}
    assert main(["info", "m.safetensors"]) == 0
    assert "documents" in capsys.readouterr().out
    assert main(["infer", "m.safetensors", "cat", "--trained"]) == 2
    assert main(["infer", "m.safetensors", "cat", "--learning-rate", "-1"]) == 2
    assert "--learning-rate must be a number above 0" in capsys.readouterr().err
    assert main(["infer", "m.safetensors", "the cat", "--learning-rate", "1e30"]) == 1
    said = capsys.readouterr()
    assert "lower --learning-rate or --epochs" in said.err and not said.out and said.err.count("\n") == 1
