"""What is written comes back, in every format: bit for bit where the format can, refused where it cannot."""

import bz2
import errno
import gzip
import lzma
import os

import numpy as np
import pytest

from embedkit import formats
from embedkit.errors import ConfigError, EmbedkitError, FormatError
from embedkit.files import atomic
from embedkit.query import storing
from embedkit.query.keyed_vectors import KeyedVectors
from tests.formats.samples import EXACT, NEEDS_EXTRA, WORDS, WRITABLE, sample, write

NO_SPACES = ["word2vec-text", "word2vec-binary", "glove-text", "glove-binary"]
NO_LINES = [*NO_SPACES, "npy", "projector"]


@pytest.fixture(params=WRITABLE)
def name(request):
    if request.param in NEEDS_EXTRA:
        pytest.importorskip(NEEDS_EXTRA[request.param])
    return request.param


@pytest.mark.parametrize("shape", [(5, 3), (1, 1), (5, 1), (1, 7)])
def test_vectors_and_words_come_back(name, tmp_path, shape):
    model = sample(*shape)
    path, options = write(model, name, tmp_path)
    if name == "glove-text" and shape == (5, 1):
        options = {"format": name}
    after = storing.load(path, **options)
    assert list(after.index_to_key) == WORDS[: shape[0]]
    if name in EXACT:
        np.testing.assert_array_equal(after.vectors.view(np.uint32), model.vectors.view(np.uint32))
    else:
        np.testing.assert_allclose(after.vectors, model.vectors, rtol=3e-7, atol=1e-29)
    np.testing.assert_allclose(after.norms, model.norms, rtol=1e-6)


def test_the_format_is_recognised_by_content_not_by_suffix(name, tmp_path):
    path, options = write(sample(), name, tmp_path)
    if "format" in options:
        pytest.skip("has no header to recognise")
    disguised = path.rename(tmp_path / "m.pdf")
    assert formats.sniff(disguised) == name


def test_converting_gives_the_same_as_loading_and_saving(name, tmp_path, monkeypatch):
    monkeypatch.setattr(storing, "SPILL_ABOVE", 0)
    model = sample()
    path, options = write(model, name, tmp_path)
    options["source_format"] = options.pop("format", None)
    before = set(tmp_path.iterdir())
    storing.convert(path, tmp_path / "out.safetensors", **options)
    storing.convert(path, tmp_path / "out.bin", **options)
    assert set(tmp_path.iterdir()) - before == {tmp_path / "out.safetensors", tmp_path / "out.bin"}
    for out in ("out.safetensors", "out.bin"):
        after = storing.load(tmp_path / out)
        assert list(after.index_to_key) == WORDS
        np.testing.assert_allclose(
            after.vectors,
            model.vectors,
            rtol=3e-7 if name == "finalfusion" else 0,
            atol=1e-29 if name == "finalfusion" else 0,
        )


def test_no_words_at_all(name, tmp_path):
    model = KeyedVectors([], np.zeros((0, 4), np.float32))
    if name in ("glove-text", "glove-binary", "projector"):  # nothing would say how wide the vectors are
        with pytest.raises(EmbedkitError, match="0 words of 4 dimensions"):
            write(model, name, tmp_path)
        return
    path, options = write(model, name, tmp_path)
    after = storing.load(path, **options)
    assert after.vectors.shape == (0, 4)
    assert after.most_similar(np.ones(4)) == []


def with_word(word):
    return KeyedVectors(["the", word], np.ones((2, 2), np.float32))


@pytest.mark.parametrize("word", ["new york", "a\nb", "", "tab\tbed"])
def test_words_come_back_or_are_refused_by_name(name, tmp_path, word):
    lost = (
        (name in NO_SPACES and " " in word)
        or (name in NO_LINES and "\n" in word)
        or (name == "word2vec-binary" and word == "")
        or (name in ("word2vec-text", "glove-text", "glove-binary", "projector") and (word == "" or "\t" in word))
    )
    if lost:
        with pytest.raises(EmbedkitError, match=r"cannot write .*the word .*(white space|a space|end of a line|empty)"):
            write(with_word(word), name, tmp_path)
        assert list(tmp_path.iterdir()) == []
    else:
        path, options = write(with_word(word), name, tmp_path)
        assert list(storing.load(path, **options).index_to_key) == ["the", word]


def test_half_a_surrogate_pair_is_no_word(name, tmp_path):
    with pytest.raises(EmbedkitError, match=r"the word '\\ud800' is not valid Unicode text"):
        write(with_word("\ud800"), name, tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_a_full_disk_is_one_line_and_keeps_the_old_file(name, tmp_path):
    resource = pytest.importorskip("resource")
    import signal

    path, _options = write(sample(), name, tmp_path)
    old = path.read_bytes()
    large = KeyedVectors([f"w{i}" for i in range(3000)], np.random.default_rng(0).standard_normal((3000, 20)))
    files = set(tmp_path.iterdir())
    limits = resource.getrlimit(resource.RLIMIT_FSIZE)
    handler = signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_FSIZE, (60_000, limits[1]))
    try:
        with pytest.raises(EmbedkitError, match="cannot write"):
            write(large, name, tmp_path)
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, limits)
        signal.signal(signal.SIGXFSZ, handler)
    assert path.read_bytes() == old
    assert set(tmp_path.iterdir()) == files


def test_a_missing_folder_is_named(name, tmp_path):
    with pytest.raises(EmbedkitError, match=r"cannot write .*nowhere.* does not exist"):
        write(sample(), name, tmp_path / "nowhere")


@pytest.mark.parametrize("pack", [gzip.compress, bz2.compress, lzma.compress, "zstd"])
@pytest.mark.parametrize("source", ["word2vec-text", "native", "npz"])
def test_compressed_files_are_read_as_they_are(tmp_path, pack, source):
    if pack == "zstd":
        pack = pytest.importorskip("zstandard").ZstdCompressor().compress
    path, _ = write(sample(), source, tmp_path)
    packed = tmp_path / "packed"
    packed.write_bytes(pack(path.read_bytes()))
    after = storing.load(packed)
    np.testing.assert_array_equal(after.vectors, sample().vectors)
    content = packed.read_bytes()
    for length in range(20, len(content), 7):
        os.truncate(packed, len(content) - length)
        with pytest.raises(FormatError):
            storing.load(packed)
        packed.write_bytes(content)


def test_an_archive_bomb_is_refused(tmp_path, monkeypatch):
    from embedkit.formats import compressed

    monkeypatch.setattr(compressed, "ALWAYS_FINE", 1 << 16)
    (tmp_path / "bomb").write_bytes(gzip.compress(b"1000000 100\n" + b"0 " * 5_000_000))
    with pytest.raises(FormatError, match="unpacks to more than 100 times its size"):
        storing.load(tmp_path / "bomb", "word2vec-text")


def test_options_that_a_format_does_not_take_are_wrong_usage(tmp_path):
    path, _ = write(sample(), "native", tmp_path)
    with pytest.raises(ConfigError, match="takes no option `vocab`"):
        storing.load(path, vocab="v.txt")
    with pytest.raises(ConfigError, match="unknown format 'word2vec'"):
        storing.load(path, "word2vec")
    with pytest.raises(ConfigError, match="cannot tell the format from the suffix") as refused:
        sample().save(tmp_path / "m.xyz")
    assert ".vec" in str(refused.value) and ".floret" not in str(refused.value)
    with pytest.raises(ConfigError, match="floret can be read, not written"):
        sample().save(tmp_path / "m.floret")


@pytest.mark.parametrize("target", ["m.safetensors", "m.txt.gz", "m.npy", "hub"])
def test_a_full_disk_names_what_was_to_be_written(target, tmp_path, monkeypatch):
    def full(temporary, final):
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), temporary)

    monkeypatch.setattr(atomic, "_finish", full)
    with pytest.raises(EmbedkitError) as refused:
        formats.write(sample().table, tmp_path / target, "hub" if target == "hub" else None)
    assert str(refused.value) == f"cannot write {tmp_path / target}: No space left on device"
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize("kind", ["floret", "spacy", "safetensors"])
def test_a_format_that_cannot_be_written_is_refused_before_the_work(kind, tmp_path):
    with pytest.raises(ConfigError, match=f"{kind} can be read, not written"):
        formats.check_target(tmp_path / "m", kind)
