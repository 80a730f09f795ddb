"""Folders of model2vec and sentence-transformers in and out; the packages themselves are in tests/interop."""

import json
import os
import unicodedata

import numpy as np
import pytest

from embedkit import KeyedVectors, load
from embedkit.cli import main
from embedkit.errors import ConfigError, EmbedkitError, FormatError
from embedkit.files.safetensors_writer import write_safetensors
from embedkit.formats.onnx import gather_model
from embedkit.formats.static_embedding import FILES

ROWS = np.arange(12, dtype=np.float32).reshape(6, 2) - 5


def folder(path, tensors, model, added=(), pre=None, place="", modules=None):
    """A model as another program writes it."""
    here = path / place
    here.mkdir(parents=True, exist_ok=True)
    write_safetensors(here / "model.safetensors", {}, tensors)
    tokenizer = {"model": model, "added_tokens": list(added), "pre_tokenizer": pre, "decoder": None}
    (here / "tokenizer.json").write_text(json.dumps(tokenizer, ensure_ascii=False), encoding="utf-8")
    if modules:
        (path / "modules.json").write_text(json.dumps(modules))
    return path


def vocab(*tokens):
    return {"type": "WordPiece", "vocab": {token: row for row, token in enumerate(tokens)}}


def test_model2vec(tmp_path):
    rows = ROWS.copy()
    rows[0] = 0
    special = [{"id": 0, "content": "[PAD]", "special": True}, {"id": 1, "content": "[UNK]", "special": True}]
    made = folder(tmp_path / "m", {"embeddings": rows}, vocab("[PAD]", "[UNK]", "king", "##ing", "왕", "the"), special)
    model = load(made)
    assert list(model) == ["[UNK]", "king", "##ing", "왕", "the"]  # a special token whose row is zero is no word
    np.testing.assert_array_equal(model.vectors, rows[1:])


def test_mapping_and_weights(tmp_path):
    tensors = {
        "embeddings": ROWS[:3].astype(np.float16),
        "mapping": np.array([2, 0, 0, 1], np.int64),
        "weights": np.array([1, 2, 0.5, 1], np.float64),
    }
    model = load(folder(tmp_path / "m", tensors, vocab("a", "b", "c", "d")))
    np.testing.assert_array_equal(model.vectors, ROWS[[2, 0, 0, 1]] * np.array([[1], [2], [0.5], [1]], np.float32))
    tensors["mapping"][0] = 3
    with pytest.raises(FormatError, match="rows outside 0–2"):
        load(folder(tmp_path / "m", tensors, vocab("a", "b", "c", "d")))


@pytest.mark.parametrize("place", ["0_StaticEmbedding", "table"])
def test_sentence_transformers(tmp_path, place):
    modules = [{"path": place, "type": "sentence_transformers.models.StaticEmbedding"}]
    made = folder(tmp_path / "m", {"embedding.weight": ROWS}, vocab(*"abcdef"), place=place, modules=modules)
    assert list(load(made)) == list("abcdef")
    np.testing.assert_array_equal(load(made)["d"], ROWS[3])


def test_pieces_are_written_alike(tmp_path):
    unigram = {
        "type": "Unigram",
        "vocab": [["<unk>", 0], ["▁king", -1], ["dom", -2], ["▁왕", -3], ["▁", -4], ["##dom", -5]],
    }
    metaspace = {"type": "Metaspace", "replacement": "▁"}
    model = load(folder(tmp_path / "u", {"embeddings": ROWS}, unigram, pre=metaspace))
    assert list(model) == ["##<unk>", "king", "##dom", "왕", "▁", "####dom"]
    bpe = {"type": "BPE", "vocab": {"Ġking": 0, "dom": 1, "ĠìĻķ": 2, "Ġ": 3, "ìĻ": 4, "x": 5}}
    sequence = {"type": "Sequence", "pretokenizers": [{"type": "ByteLevel"}]}
    model = load(folder(tmp_path / "b", {"embeddings": ROWS}, bpe, pre=sequence))
    assert list(model) == ["king", "##dom", "왕", "Ġ", "##\udcec\udc99", "##x"]


def test_what_is_not_static_is_refused(tmp_path, capsys):
    made = folder(tmp_path / "t", {"embeddings.word_embeddings.weight": ROWS, "layer.0": ROWS}, vocab(*"abcdef"))
    (made / "config.json").write_text('{"architectures": ["BertModel"]}')
    with pytest.raises(FormatError, match=r"found the model BertModel .* depend on the whole sentence"):
        load(made)
    (made / "tokenizer.json").write_text('{"model": {"vocab": {"a": -1}}}')
    write_safetensors(made / "model.safetensors", {}, {"embeddings": ROWS})
    with pytest.raises(FormatError, match=r"tokenizer.json: damaged: expected a tokenizer with a vocabulary"):
        load(made)
    (made / "tokenizer.json").write_text(json.dumps({"model": vocab(*"abcdefghi")}))
    with pytest.raises(FormatError, match="a row for each of 9 tokens, found 6 rows"):
        load(made)
    for name, told in (
        ("saved_model.pb", "TensorFlow"),
        ("pytorch_model.bin", "pickles"),
        ("x.txt", "a folder of x.txt"),
    ):
        other = tmp_path / name.replace(".", "_")
        other.mkdir()
        (other / name).write_text("x")
        with pytest.raises(FormatError, match=told):
            load(other)
    assert main(["similar", str(other), "a"]) == 1


@pytest.fixture
def model():
    pytest.importorskip("tokenizers")
    return KeyedVectors(["왕", "queen", "don't", "3.14"], ROWS[:4], config={"tokenizer": "words", "epochs": 3})


def test_out_and_back(model, tmp_path, capsys):
    path = tmp_path / "out"
    model.save(tmp_path / "m.safetensors")
    convert = ["convert", str(tmp_path / "m.safetensors"), str(path), "--to", "static-embedding", "-q"]
    assert main(convert) == 0
    assert set(os.listdir(path)) == set(FILES)
    again = load(path)
    assert list(again) == list(model) and again.config == model.config
    np.testing.assert_array_equal(again.vectors, model.vectors)
    assert main(["info", str(path), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["format"] == "static-embedding"
    (path / "README.md").write_text("mine")
    assert main(convert) == 0  # again, into the folder that it wrote
    assert (path / "README.md").read_text() == "mine"
    assert main(["convert", str(path), str(path), "--to", "static-embedding", "--unit", "-q"]) == 0  # in place
    np.testing.assert_allclose(load(path).norms, 1, rtol=1e-6)
    assert not [name for name in os.listdir(tmp_path) if name.endswith(".part")]


TEXT = "The Queen's 3.14 don’t, (왕)이 e.g. state-of-the-art -x' 1,000 u_v ㅋㅋ naïve 가\u200d나"
CHARACTERS = (
    f"{unicodedata.normalize('NFD', '한국 é')} กำ นि a\u200bb \u0600a x\x1cy\x85z c\x7f\u00ad\u3164d "
    "\ufeff1️⃣#️⃣*\u20e3A\u20e3👨\u200d👩\u200d👧🇰🇷🇫🇷👍🏽❤️\u200da "
    "🏴\U000e0067\U000e007f ℃\u0301 क्\u200dष a\u200d ‿\u200da 漢\U000e0100\ufe0f"
)


SEQUENCES = (
    "I ❤️ it너👍🏽! a1️⃣#️⃣*\u20e3 # * C# 1\ufe0f 20℃는 ㈜카"
    " 👨\u200d👩\u200d👧🇰🇷🇫🇷 क्\u200dष नि e\u0301 신\u00ad뢰 a\u200b\u3164b -\ufe0f a\u200d"
    " aℹ️b 🙂\u200d↔️©▶️Ⓜ️ ℹ\u200da a\u200dℹ ㊗️"
)
BARE = "a \u200d \ufe0f\u200b\u3000\ufeff b\u200d \u3164\t\u20e3\n\U000e0100\U000e0067 \x00 c\u00ad \x7f"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        *((name, text) for name in ("words", "whitespace", "chars") for text in (TEXT, SEQUENCES, BARE)),
        ("chars", CHARACTERS),
        ("whitespace", CHARACTERS.replace("\x1c", "")),
    ],
)
@pytest.mark.parametrize("lowercase", [False, True])
def test_the_tokenizer_cuts_as_the_models_own(model, tmp_path, name, text, lowercase):
    from tokenizers import Tokenizer

    from embedkit.text.tokenizers import get_tokenizer

    own = get_tokenizer(name, lowercase).tokens(text)
    words = list(dict.fromkeys(own))
    config = {"tokenizer": name, "lowercase": lowercase}
    known = KeyedVectors(words, np.ones((len(words), 1), np.float32), config=config)
    known.save(tmp_path / name, "static-embedding")
    theirs = Tokenizer.from_file(str(tmp_path / name / "tokenizer.json")).encode(text, add_special_tokens=False)
    assert theirs.tokens == own


def test_nothing_else_is_overwritten(model, tmp_path, capsys):
    path = tmp_path / "home"
    path.mkdir()
    (path / "thesis.txt").write_text("x")
    with pytest.raises(ConfigError, match=r"the folder holds other files \(thesis.txt\); name a new one"):
        model.save(path, "static-embedding")
    model.save(path / "model.safetensors")
    (path / "thesis.txt").unlink()
    source = str(path / "model.safetensors")
    assert main(["convert", source, str(path), "--to", "static-embedding"]) == 2
    assert "which is read; name another folder" in capsys.readouterr().err
    assert os.listdir(path) == ["model.safetensors"]
    assert main(["convert", source, str(path)]) == 1
    assert "it is a folder; give a file name" in capsys.readouterr().err
    with pytest.raises(ConfigError, match="there is a file of that name"):
        model.save(source, "static-embedding")
    with pytest.raises(EmbedkitError, match=r"folder .* does not exist"):
        model.save(tmp_path / "no" / "where", "static-embedding")


def test_what_the_tokenizer_cannot_do_is_told(model, tmp_path):
    spaced = KeyedVectors(["new york", "[UNK]"], ROWS[:2], config={"tokenizer": "korean"})
    with pytest.warns(UserWarning) as told:
        spaced.save(tmp_path / "m", "static-embedding")
    assert {"1 word holds white space" in str(w.message) or "tokenizer korean" in str(w.message) for w in told} == {
        True
    }
    assert len(told) == 2 and list(load(tmp_path / "m")) == ["new york", "[UNK]"]
    with pytest.raises(EmbedkitError, match="the word '' is empty"):
        KeyedVectors([""], ROWS[:1]).save(tmp_path / "e", "static-embedding")
    assert not (tmp_path / "e").exists()


def test_the_onnx_model_is_small_and_stable():
    made = gather_model(3, 2, "model.safetensors", 128)
    assert len(made) < 300 and made.startswith(b"\x08\x08\x12\x08embedkit")
    assert b"model.safetensors" in made and b"Gather" in made and b"128" in made
