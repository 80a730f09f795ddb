"""Options that would do nothing beside the others are refused, by name, in every command."""

import numpy as np
import pytest

import embedkit
from embedkit.cli import main
from embedkit.counting import Window
from embedkit.counting.files import count_to_file
from embedkit.vocabulary.corpus import Corpus

LINES = ["sun moon star comet", "bread milk egg flour"] * 20


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    folder = tmp_path_factory.mktemp("idle")
    for name in ("t.txt", "v.txt"):
        (folder / name).write_text("\n".join(LINES))
    (folder / "pairs.tsv").write_text("sun\tmoon\t7\nsun\tegg\t1\nstar\tcomet\t8\n")
    (folder / "questions.txt").write_text(": one\nsun moon star comet\n")
    (folder / "labels.tsv").write_text("".join(f"{line}\t{i % 2}\n" for i, line in enumerate(LINES)))
    (folder / "tags.tsv").write_text("sun\tN\nmoon\tN\n\n" * 9)
    corpus = Corpus.from_text(folder / "t.txt")
    corpus.vocabulary.save(folder / "words.txt")
    count_to_file(corpus, folder / "counts.safetensors", Window(3))
    words = list(corpus.vocabulary.index_to_key)
    vectors = np.random.default_rng(0).normal(size=(len(words), 8)).astype(np.float32)
    embedkit.KeyedVectors(words, vectors).save(folder / "m.safetensors")
    np.save(folder / "images.npy", np.eye(4, dtype=np.float32))
    (folder / "log.jsonl").write_text('{"event": "epoch", "epoch": 1, "loss": 2.0}\n')
    assert main(["lm", "train", str(folder / "t.txt"), "-o", str(folder / "ngram.lm"), "-q"]) == 0
    return folder


# A command line, and the flags in it that do nothing.
CASES = [
    ("train t.txt -o x.safetensors --model glove --loss hs", ["--loss"]),
    ("train t.txt -o x.safetensors --json", ["--json"]),
    ("train t.txt -o x.safetensors --model doc2vec --window 5", ["--window", "--paragraphs dm, or --train-words"]),
    ("train t.txt -o x.safetensors --model doc2vec --no-shrink-windows", ["--shrink-windows"]),
    ("train t.txt -o x.safetensors --checkpoint-every 5", ["--checkpoint-every"]),
    ("train t.txt -o x.safetensors --vocab words.txt --min-count 100", ["--min-count"]),
    ("train --model glove --cooccurrences counts.safetensors -o x.safetensors --lowercase", ["--lowercase"]),
    ("train --model svd --cooccurrences counts.safetensors -o x.safetensors --window 3", ["--window"]),
    ("vocab t.txt -o x.txt --json", ["--json"]),
    ("cooccur --merge counts.safetensors -o x.safetensors --lowercase --min-count 2", ["--lowercase", "--min-count"]),
    ("cooccur --merge counts.safetensors -o x.safetensors --tokenizer words", ["--tokenizer"]),
    ("cooccur t.txt --table --memory 1G", ["--memory"]),
    ("cooccur counts.safetensors --table --window 3", ["--window"]),
    ("cooccur t.txt -o x.safetensors --json", ["--json"]),
    ("cooccur t.txt -o x.safetensors --vocab words.txt --max-vocab 3", ["--max-vocab"]),
    ("phrases t.txt --npmi --delta 2", ["--delta"]),
    ("tfidf t.txt -o x.npz --weighting count --sublinear --norm none", ["--sublinear", "--norm"]),
    ("tfidf t.txt -o x.npz --vocab words.txt --min-count 3", ["--min-count"]),
    ("vectors m.safetensors sun --npy x.npy --json", ["--json"]),
    ("similar m.safetensors sun --index x.index --metric l2", ["--metric"]),
    ("similar m.safetensors sun --index x.index --restrict-vocab 2", ["--restrict-vocab"]),
    ("evaluate m.safetensors --pairs pairs.tsv --method 3cosmul", ["--method"]),
    ("evaluate m.safetensors --analogies questions.txt --resamples 5 --subwords", ["--subwords", "--resamples"]),
    ("plot m.safetensors sun moon star -o x.png --method pca --perplexity 3", ["--perplexity"]),
    ("plot m.safetensors sun moon star -o x.png --top 9", ["--top"]),
    ("plot m.safetensors -o x.png --neighbours 3", ["--neighbours"]),
    ("plot m.safetensors -o x.svg --dpi 300", ["--dpi"]),
    ("plot m.safetensors -o x.html --dark", ["--dark"]),
    ("plot m.safetensors -o x.png --window 3", ["--window"]),
    ("plot --log log.jsonl -o x.png --method tsne", ["--method"]),
    ("plot --cooccurrences counts.safetensors -o x.png --window 3", ["--window"]),
    ("plot --cooccurrences t.txt -o x.png --vocab words.txt", ["--vocab"]),
    ("compress m.safetensors -o x.safetensors --pairs pairs.tsv", ["--pairs"]),
    ("compress m.safetensors -o x.safetensors --quantize int8 --subvectors 2", ["--subvectors"]),
    ("compress m.safetensors --report --quantize int8", ["--quantize"]),
    ("align m.safetensors m.safetensors --held-out 0 --restrict-vocab 5", ["--restrict-vocab"]),
    ("subwords sun --min-jamo 2", ["--min-jamo"]),
    ("subwords 학교 --subwords jamo --min-n 2", ["--min-n"]),
    ("subwords sun --vectors m.safetensors --min-n 2", ["--min-n"]),
    ("subwords sun --min-n 5 --max-n 6 --from native", ["--from"]),
    ("axis m.safetensors --from sun --to egg moon --restrict-vocab 5", ["--restrict-vocab"]),
    (
        "bias m.safetensors --targets sun,moon bread,milk --attributes star egg --words --seed 3 --permutations 9",
        ["--permutations", "--seed"],
    ),
    ("convert m.safetensors x.txt --center --all-but-the-top 1", ["--center"]),
    ("drift m.safetensors m.safetensors --word sun --topn 3", ["--topn", "with --word"]),
    ("cooccur t.txt -o x.npz --ppmi --format native", ["--format"]),
    ("lm train t.txt -o x.lm --k 2", ["--k"]),
    ("lm generate ngram.lm --temperature 0 --seed 3", ["--seed"]),
    ("lm train t.txt -o x.lm --model lstm --heads 2", ["--heads"]),
    ("lm train t.txt -o x.lm --model lstm --frozen", ["--frozen"]),
    ("lm train t.txt -o x.lm --model lstm --valid v.txt --valid-fraction .2", ["--valid-fraction"]),
    ("classify train labels.tsv -o x.c --model mean --hidden-size 9", ["--hidden-size"]),
    (
        "classify train labels.tsv -o x.c --model mean --hidden-size 9 --num-layers 2",
        ["--hidden-size, --num-layers have no effect with --model mean: "],
    ),
    (
        "classify train labels.tsv -o x.c --model linear --max-n 0 --across-words --word-strength 2",
        ["--across-words, --word-strength have no effect without --max-n"],
    ),
    (
        "train t.txt -o x.safetensors --loss hs --negative 3 --ns-exponent 1",
        ["--negative, --ns-exponent have no effect with --loss hs: "],
    ),
    ("train t.txt -o x.safetensors --merge-every 9 --merge-bfloat16", ["--merge-every, --merge-bfloat16 have no"]),
    ("classify train labels.tsv -o x.c --model lstm --heads 2", ["--heads"]),
    ("classify train labels.tsv -o x.c --model transformer --unidirectional", ["--unidirectional"]),
    ("classify train labels.tsv -o x.c --model fasttext --no-across-words", ["--no-across-words"]),
    (
        "classify train labels.tsv -o x.c --model gru --vectors m.safetensors --frozen --unfreeze-after 1",
        ["--unfreeze"],
    ),
    ("classify train labels.tsv -o x.c --vectors m.safetensors --vector-size 9", ["--vector-size"]),
    ("tag train tags.tsv -o x.c --model mean --num-layers 2", ["--num-layers"]),
    ("tag train tags.tsv -o x.c --unfreeze-after 2", ["--unfreeze-after"]),
    ("seq2seq train labels.tsv -o x.c --model transformer --attention dot", ["--attention"]),
    ("seq2seq train labels.tsv -o x.c --heads 2", ["--heads"]),
    ("caption train images.npy t.txt -o x.c --frozen", ["--frozen"]),
]


@pytest.mark.parametrize(("line", "flags"), CASES, ids=[line for line, _ in CASES])
def test_an_option_that_does_nothing_is_wrong_usage(line, flags, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    before = sorted(folder.iterdir())
    assert main(line.split()) == 2
    error = capsys.readouterr().err
    assert len(error.strip().splitlines()) == 1, error
    assert "no effect" in error or "has no option" in error
    for flag in flags:
        assert flag in error
    assert sorted(folder.iterdir()) == before


def test_what_did_nothing_on_this_data_is_told(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    bias = "bias m.safetensors --targets sun,moon bread,milk --attributes star egg --seed 3 --permutations 9"
    for line, told in (
        (bias, "--permutations, --seed did nothing: all 6 divisions were tried"),
        ("similar m.safetensors sun --exclude unheard", "--exclude unheard does nothing: it is no word"),
        ("similar m.safetensors sun --exclude t.txt", "no word of the vocabulary, and a file is not read"),
        ("analogy m.safetensors sun moon star --exclude unheard", "--exclude unheard does nothing"),
        ("phrases t.txt --list --threshold 1e9", "0 phrases"),
    ):
        assert main(line.split()) == 0
        assert told in capsys.readouterr().err, line


@pytest.mark.parametrize(
    ("line", "told"),
    [
        ("similar m.safetensors sun --tensor x", "the format native takes no option --tensor"),
        ("bias m.safetensors --targets a b --attributes c d --model-words t.txt", "takes no option --model-words"),
        ("search t.txt --query sun --vectors m.safetensors --model-column x", "takes no option --model-column"),
        ("convert m.safetensors x.txt --glove-vectors sum", "takes no option --glove-vectors"),
        ("subwords sun --min-n 0", "--min-n must be at least 1"),
    ],
)
def test_options_are_named_by_their_flags(line, told, folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(line.split()) == 2
    assert told in capsys.readouterr().err


def test_a_model_beside_counts_is_no_word(folder, monkeypatch, capsys):
    monkeypatch.chdir(folder)
    assert main(["plot", "m.safetensors", "--cooccurrences", "counts.safetensors", "-o", "x.svg"]) == 2
    assert "m.safetensors is a file: a heat map is of --cooccurrences" in capsys.readouterr().err
