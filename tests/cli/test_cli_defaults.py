"""What an option of a command is by default is what the parameter of the function behind it is."""

import inspect
from importlib import import_module

import click
import pytest

from embedkit.cli.commands import lm_neural, lm_ngram
from tests.cli.test_overwriting import commands

COMMANDS = {" ".join(words): command for words, command in commands()}
COMMANDS |= {"lm train ngram": lm_ngram.train, "lm train neural": lm_neural.train}
NN = "embedkit.nn.models"
BEHIND = {
    "align": ["embedkit.analysis.alignment.align"],
    "analogy": ["embedkit.query.keyed_vectors.KeyedVectors.analogy"],
    "bias": ["embedkit.analysis.directions.weat"],
    "caption train": [f"{NN}.caption_training.train_captioner", f"{NN}.captioner.CaptionConfig"],
    "classify train": [
        f"{NN}.classifier_training.train_classifier",
        f"{NN}.classifier.ClassifierConfig",
        "embedkit.classification.autotuning.autotune",
    ],
    "collocates": ["embedkit.counting.collocates.collocates"],
    "compare": ["embedkit.analysis.comparison.compare"],
    "concordance": ["embedkit.text.concordance.concordance"],
    "cooccur": ["embedkit.counting.Window", "embedkit.counting.ppmi.ppmi"],
    "drift": ["embedkit.analysis.drift.drift"],
    "evaluate": ["embedkit.analysis.evaluation.evaluate_pairs", "embedkit.analysis.evaluation.evaluate_analogies"],
    "fill": ["embedkit.query.filling.fill"],
    "index": ["embedkit.query.index.NeighbourIndex.build", "embedkit.documents.document_index.IndexOptions"],
    "keyness": ["embedkit.counting.keyness.keyness"],
    "lm train neural": [f"{NN}.language_training.train_language_model", f"{NN}.language_config.LanguageModelConfig"],
    "lm train ngram": ["embedkit.counting.ngram.NgramModel.train"],
    "phrases": ["embedkit.counting.phrases.join_phrases"],
    "plot": ["embedkit.plotting.words.draw_words", "embedkit.plotting.curves.draw_curves"],
    "seq2seq train": [f"{NN}.seq2seq_training.train_seq2seq", f"{NN}.seq2seq.Seq2SeqConfig"],
    "similar": ["embedkit.query.keyed_vectors.KeyedVectors.most_similar"],
    "similarity": ["embedkit.query.keyed_vectors.KeyedVectors.similarity"],
    "tag train": [f"{NN}.tagger_training.train_tagger", f"{NN}.tagger.TaggerConfig"],
    "tfidf": ["embedkit.counting.tfidf_model.TfidfSettings", "embedkit.counting.tfidf.bag_of_words"],
    "train": ["embedkit.training.train"],
    "vocab": ["embedkit.vocabulary.corpus.count_words"],
}
NOTHING = (None, False, (), "")


def function(name):
    """What stands behind a name of parts."""
    parts = name.split(".")
    for n in range(len(parts), 0, -1):
        try:
            found = import_module(".".join(parts[:n]))
        except ModuleNotFoundError:
            continue
        for part in parts[n:]:
            found = getattr(found, part)
        return found
    raise AssertionError(f"{name} is nothing")


@pytest.mark.parametrize(("command", "name"), [(command, name) for command in BEHIND for name in BEHIND[command]])
def test_defaults_are_those_of_the_library(command, name):
    context = click.Context(COMMANDS[command])
    options = {
        option.name: option.get_default(context)
        for option in COMMANDS[command].params
        if isinstance(option, click.Option) and option.name != "model"  # several kinds, of which a function has one
    }
    parameters = inspect.signature(function(name)).parameters
    shared = [p for p in parameters.values() if p.name in options and p.default is not p.empty]
    assert shared
    for parameter in shared:
        ours, theirs = options[parameter.name], parameter.default
        ours = ours if isinstance(ours, int | float | str | tuple) else None  # what click has where there is none
        worked_out = ours in NOTHING and command in ("classify train", "plot", "train")  # by what is trained or drawn
        assert ours == theirs or (ours in NOTHING and theirs in NOTHING) or worked_out, parameter.name
