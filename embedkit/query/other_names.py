"""Names of gensim's and fastText's that people type, each answered with what does the same here."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

OF_VECTORS = {
    "wv": "the model answers itself: model.most_similar(word)",
    "doesnt_match": "model.odd_one_out(words)",
    "most_similar_cosmul": 'model.analogy(a, b, c, method="3cosmul")',
    "similar_by_word": "model.most_similar(word)",
    "similar_by_key": "model.most_similar(word)",
    "similar_by_vector": "model.most_similar(vector)",
    "get_vector": "model[word]",
    "word_vec": "model[word]",
    "get_mean_vector": "model.combine(words)",
    "n_similarity": "the cosine of model.combine(words) and model.combine(others)",
    "distance": "1 - model.similarity(a, b)",
    "wmdistance": "embedkit.documents.word_mover.WordMover(model).distance(words, others)",
    "index2word": "model.index_to_key",
    "index2entity": "model.index_to_key",
    "vocab": "model.key_to_index and model.counts",
    "get_index": "model.row(word)",
    "get_vecattr": "model.counts[model.row(word)]",
    "syn0": "model.vectors",
    "syn1neg": "model.output_vectors, where training kept them (keep_output=True)",
    "vectors_norm": "model.vectors / model.norms[:, None]",
    "syn0norm": "model.vectors / model.norms[:, None]",
    "get_normed_vectors": "model.vectors / model.norms[:, None]",
    "init_sims": "nothing: the lengths are worked out when they are first needed",
    "fill_norms": "nothing: the lengths are worked out when they are first needed",
    "save_word2vec_format": 'model.save("m.txt"), or model.save("m.bin", "word2vec-binary")',
    "load_word2vec_format": "embedkit.load(path), which recognises the format",
    "load_facebook_vectors": "embedkit.load(path), which recognises the format",
    "load": "embedkit.load(path)",
    "evaluate_word_pairs": "embedkit.analysis.evaluation, or the command evaluate with pairs",
    "evaluate_word_analogies": "embedkit.analysis.evaluation, or the command evaluate with analogies",
    "intersect_word2vec_format": "embedkit.train(corpus, init=path)",
    "build_vocab": "embedkit.train(corpus), which counts the words itself",
    "train": "embedkit.train(corpus, init=model)",
}
OF_FASTTEXT = {
    "get_word_vector": "model[word]",
    "get_word_id": "model.row(word)",
    "get_words": "model.index_to_key",
    "words": "model.index_to_key",
    "get_dimension": "model.vector_size",
    "get_input_matrix": "model.vectors",
    "get_output_matrix": "model.output_vectors, where training kept them (keep_output=True)",
    "get_nearest_neighbors": "model.most_similar(word)",
    "get_analogies": "model.analogy(a, b, c)",
    "get_subwords": "model.subwords and model.ngram_vectors, or the command subwords",
    "get_sentence_vector": 'embedkit.sklearn.EmbeddingVectorizer(model, method="fasttext"), or the command vectors',
    "save_model": 'model.save("m.bin", "fasttext")',
    "quantize": "embedkit.analysis.compression.compress, or the command compress",
    "predict": "embedkit.classification.storing.load_bag(path).predict(texts), or the command classify predict",
    "get_labels": "embedkit.classification.storing.load_bag(path).labels",
    "labels": "embedkit.classification.storing.load_bag(path).labels",
}
OF_TRAIN = {
    "size": "vector_size",
    "dim": "vector_size",
    "iter": "epochs",
    "epoch": "epochs",
    "alpha": "learning_rate",
    "lr": "learning_rate",
    "ws": "window",
    "neg": "negative",
    "t": "sample",
    "sg": 'model="skipgram" (sg=1) or model="cbow" (sg=0)',
    "hs": 'loss="hs"',
    "sentences": "the first argument, corpus",
    "corpus_file": "the first argument, corpus",
    "corpus_iterable": "the first argument, corpus",
    "input": "the first argument, corpus",
    "max_final_vocab": "max_vocab",
    "cbow_mean": "cbow_gradient",
    "callbacks": "progress",
    "compute_loss": "log, a file for the curve of the loss",
    "min_alpha": "nothing: the rate falls to 0",
    "thread": "workers",
    "threads": "workers",
    "n_jobs": "workers",
    "random_state": "seed",
    "minCount": "min_count",
    "minn": "min_n",
    "maxn": "max_n",
}
OF_THE_PACKAGE = {
    "Word2Vec": 'embedkit.train(corpus, model="cbow") or model="skipgram"',
    "FastText": 'embedkit.train(corpus, model="fasttext")',
    "models": "embedkit.train and embedkit.load",
    "load_model": "embedkit.load(path)",
    "train_unsupervised": 'embedkit.train(corpus, model="fasttext")',
    "train_supervised": "embedkit.classification.training.train_bag(texts, labels), or the command classify train",
    "tokenize": "embedkit.text.tokenizers.get_tokenizer(name).tokens(text)",
}
OF_COMMANDS = {  # of the command line, where Python has other ones
    "similar": "model.most_similar(word)",
    "neighbours": "model.most_similar(word)",
    "neighbors": "model.most_similar(word)",
    "info": "model.config, or the command info",
    "convert": "model.save(path, format)",
}


class Answering(type):
    """The type of classes whose names of gensim's are answered on the class itself too."""

    if not TYPE_CHECKING:  # where unknown names are found without it

        def __getattr__(cls, name: str) -> Any:
            raise attribute_error(cls.__name__, name)


def attribute_error(owner: str, name: str) -> AttributeError:
    """The error for a name that an object has not, with the right one where another tool or a command has it."""
    message = f"{owner!r} has no attribute {name!r}"
    for whose, names in (("gensim", OF_VECTORS), ("fastText", OF_FASTTEXT)):
        if name in names:
            return AttributeError(f"{message}, which is {whose}'s; here it is {names[name]}", name=name)
    if name in OF_COMMANDS:
        message += f"; here it is {OF_COMMANDS[name]}"
    return AttributeError(message, name=name)


def unknown_parameters(function: str, names: list[str]) -> TypeError:
    """The error for parameters that a function has not."""
    known = [f"{name} is {OF_TRAIN[name]} here" for name in names if name in OF_TRAIN]
    message = f"{function}() got an unexpected keyword argument {names[0]!r}"
    return TypeError(f"{message}: {'; '.join(known)}" if known else message)
