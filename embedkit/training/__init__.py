"""Training: one function for all models, one file for each family.

`train` has its parameters checked (`inputs`), the corpus read (`reading`) and both handed to the family's ``fit``
(`fitting`), and returns `KeyedVectors`.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

from embedkit.progress import ProgressCallback, default_progress
from embedkit.query.keyed_vectors import KeyedVectors
from embedkit.query.other_names import unknown_parameters
from embedkit.training.fitting import fit
from embedkit.training.inputs import Source, check_inputs
from embedkit.training.options import (
    OPTIONS,
    CBOWConfig,
    Doc2VecConfig,
    FastTextConfig,
    GloVeConfig,
    LSAConfig,
    SkipGramConfig,
    SVDConfig,
    TrainingConfig,
)
from embedkit.vocabulary import Vocabulary
from embedkit.vocabulary.corpus import Corpus

__all__ = [
    "CBOWConfig",
    "Doc2VecConfig",
    "FastTextConfig",
    "GloVeConfig",
    "LSAConfig",
    "SVDConfig",
    "SkipGramConfig",
    "TrainingConfig",
    "train",
]


def train(
    corpus: Source | Sequence[Source] | Corpus | Iterable[Sequence[str]] | None = None,
    *,
    model: str | None = None,
    config: TrainingConfig | None = None,
    vocabulary: Vocabulary | Source | None = None,
    cooccurrences: Source | None = None,
    init: KeyedVectors | Source | None = None,
    continue_from: KeyedVectors | Source | None = None,
    lock: bool = False,
    compass: KeyedVectors | Source | None = None,
    progress: ProgressCallback | None = None,
    log: Source | None = None,
    checkpoint: Source | None = None,
    resume: bool = False,
    checkpoint_every: float = 60.0,
    note: Callable[[str], None] | None = None,
    mmap_above: int | None = None,
    cluster: Any = None,
    vector_size: int | None = None,
    workers: int | None = None,
    seed: int | None = None,
    replicas: int | None = None,
    deterministic: bool | None = None,
    merge_every: int | None = None,
    merge_bfloat16: bool | None = None,
    window: int | None = None,
    shrink_windows: bool | None = None,
    epochs: int | None = None,
    learning_rate: float | None = None,
    sample: float | None = None,
    preset: str | None = None,
    loss: str | None = None,
    negative: int | None = None,
    ns_exponent: float | None = None,
    keep_output: bool | None = None,
    center: bool | None = None,
    subwords: str | None = None,
    min_n: int | None = None,
    max_n: int | None = None,
    bucket: int | None = None,
    min_jamo: int | None = None,
    max_jamo: int | None = None,
    min_syllables: int | None = None,
    max_syllables: int | None = None,
    positional: bool | None = None,
    cbow_gradient: str | None = None,
    paragraphs: str | None = None,
    train_words: bool | None = None,
    x_max: float | None = None,
    weight_exponent: float | None = None,
    glove_vectors: str | None = None,
    eigenvalue_weighting: float | None = None,
    exact: bool | None = None,
    power_iterations: int | None = None,
    shift: float | None = None,
    context_smoothing: float | None = None,
    add_contexts: bool | None = None,
    min_count: int | None = None,
    max_vocab: int | None = None,
    tokenizer: str | None = None,
    lowercase: bool | None = None,
    json_field: str | None = None,
    encoding_errors: str | None = None,
    **unknown: Any,
) -> KeyedVectors:
    """Train word vectors.

    Parameters
    ----------
    corpus : path, sequence of paths, Corpus, or iterable of token lists
        Text files or folders (``"-"`` is standard input), an encoded corpus, or sentences in memory.
    model : {"skipgram", "cbow", "fasttext", "doc2vec", "glove", "svd", "lsa"}
        Default "skipgram".
    config : TrainingConfig, optional
        The options of a model as an object, ``SkipGramConfig(window=3)``; options given beside it win.
    vocabulary : Vocabulary or path, optional
        Use these words instead of counting; a path names a ``word count`` file.
    cooccurrences : path, optional
        GloVe and svd: counts that ``embedkit cooccur`` wrote, instead of a corpus; in GloVe's own format they need
        the `vocabulary` that they were counted with.
    init : KeyedVectors or path, optional
        Start from these vectors; words are matched by name.
    continue_from : KeyedVectors or path, optional
        Go on training this model on new text: its words stay and new ones join them; size, n-grams and options are
        those of the model unless they are given.
    lock : bool
        With `continue_from` or `init`: the vectors that are known stay as they are, only new ones are learnt.
    compass : KeyedVectors or path, optional
        skipgram, cbow: train against the output vectors of this model of the text of all periods, which stay as they
        are; models of several periods then lie in one space (Di Carlo et al. 2019). Options are its own unless given.
    progress : callable, optional
        Gets `embedkit.progress.Progress` reports.
    log : path, optional
        Gets the training curve as JSON lines.
    checkpoint : path, optional
        A folder or URL for the state of the run, written every `checkpoint_every` seconds and on Ctrl-C. It stays there
        when training ends: delete it once the vectors are saved.
    resume : bool
        Go on from the checkpoint, where there is one. More `epochs` than before are possible, and any `workers`; what
        the corpus decides, and `epochs`, are those of the checkpoint unless they are given again.
    note : callable, optional
        Is told in one line what a user should know: that there was no checkpoint, what more epochs mean.
    mmap_above : int, optional
        Keep the id stream on disk when it is larger than so many bytes.
    cluster : str or distributed.Client, optional
        A Dask cluster: a scheduler's address, ``"local:4"`` for processes on this machine, or a client. Skip-gram,
        CBOW, fastText and GloVe train their `replicas` there; svd, and GloVe without `replicas`, count there and train
        here. The vectors are those of one machine, bit for bit.
    vector_size : int, optional
        Numbers in a vector. Default 100.
    workers : int, optional
        Threads. Default all cores.
    seed : int, optional
        Of the random numbers; with one worker a run repeats bit for bit. Default 1.
    replicas : int, optional
        skipgram, cbow, fasttext, glove: Train so many copies that are merged at fixed places (glove: so many
        parts that share nothing): the vectors depend on their number, not on threads or machines. Default one
        model that all threads share.
    deterministic : bool, optional
        skipgram, cbow, fasttext, glove: The same vectors for any number of threads: replicas 4 where not given.
        Default False.
    merge_every : int, optional
        skipgram, cbow, fasttext: Words of each replica after which its most used rows are merged with those of
        the others. Default by size of the corpus, 100 to 50000.
    merge_bfloat16 : bool, optional
        skipgram, cbow, fasttext: Round to bfloat16 what is merged: half as much to send on a cluster, and other
        vectors. Default False.
    window : int, optional
        skipgram, cbow, fasttext, doc2vec, glove, svd: Words to each side. Default 5; fasttext 5, of much Korean
        4; glove 15; svd 8.
    shrink_windows : bool, optional
        skipgram, cbow, fasttext, doc2vec, svd: Draw each window from 1..window, as word2vec does. Default True;
        svd a neighbour counts 1/distance.
    epochs : int, optional
        skipgram, cbow, fasttext, doc2vec, glove: Passes over the text. Default 5; more below 20 M words;
        doc2vec 20; more below 2 M words; glove 25.
    learning_rate : float, optional
        skipgram, cbow, fasttext, doc2vec, glove: At the start; falls to nothing. Default 0.05; skipgram by size
        0.025 or 0.05.
    sample : float, optional
        skipgram, cbow, fasttext, doc2vec, svd: Leave out words more frequent than this now and then; 0: never.
        Default 0.001; of 5000 different words or more 0.0001 where that leaves less than .7 of the text;
        fasttext 0.0001; doc2vec 0.001; svd 0.0.
    preset : {"corpus", "word2vec", "fasttext", "gensim"}, optional
        skipgram, cbow, fasttext: Defaults of epochs, learning rate, sample, exponent and n-gram lengths: what
        suits the corpus, or those of a tool. Default 'corpus'.
    loss : {"ns", "hs", "softmax"}, optional
        skipgram, cbow, fasttext: Negative sampling, hierarchical or full softmax. Default 'ns'.
    negative : int, optional
        skipgram, cbow, fasttext, doc2vec: Negatives for each pair. Default 5.
    ns_exponent : float, optional
        skipgram, cbow, fasttext, doc2vec: Draw negatives by count to this power. Default 0.75; fasttext 0.5.
    keep_output : bool, optional
        skipgram, cbow, fasttext, glove: Store the output vectors too (for fill, and for going on). Default
        False.
    center : bool, optional
        skipgram, cbow, fasttext: Subtract the mean of all vectors when training is over. Default no; fasttext
        of much Korean yes.
    subwords : {"none", "chars", "jamo"}, optional
        skipgram, cbow, fasttext: Vectors of n-grams of words too. Default 'none'; fasttext 'chars'.
    min_n : int, optional
        skipgram, cbow, fasttext: Shortest character n-gram. Default by script.
    max_n : int, optional
        skipgram, cbow, fasttext: Longest character n-gram. Default by script.
    bucket : int, optional
        skipgram, cbow, fasttext: Rows for n-grams. Default 2000000.
    min_jamo : int, optional
        skipgram, cbow, fasttext: Shortest n-gram of jamo. Default 4.
    max_jamo : int, optional
        skipgram, cbow, fasttext: Longest n-gram of jamo. Default 5.
    min_syllables : int, optional
        skipgram, cbow, fasttext: Shortest n-gram of syllables beside the jamo. Default 1.
    max_syllables : int, optional
        skipgram, cbow, fasttext: Longest n-gram of syllables beside the jamo. Default 2.
    positional : bool, optional
        skipgram: Output vectors for each place in the window (structured skip-gram): better for parts of
        speech. Default False.
    cbow_gradient : {"sum", "mean"}, optional
        cbow, doc2vec: Give each context word the whole gradient, or its share. Default 'sum'.
    paragraphs : {"dbow", "dm"}, optional
        doc2vec: A line predicts its words alone, or together with their neighbours. Default 'dbow'.
    train_words : bool, optional
        doc2vec: Skip-gram beside, on the same outputs. Default False.
    x_max : float, optional
        glove: Counts from here on weigh fully. Default 10 up to 10 M words, 100 from 1,000 M on.
    weight_exponent : float, optional
        glove: Exponent of the weighting. Default 0.75.
    glove_vectors : {"sum", "word", "context"}, optional
        glove: Which vectors are the result. Default 'sum'.
    eigenvalue_weighting : float, optional
        svd, lsa: Singular values to this power. Default 0.25; lsa 1.0.
    exact : bool, optional
        svd, lsa: Decompose the whole matrix, rather than a projection. Default up to 500 words.
    power_iterations : int, optional
        svd, lsa: More make the projection sharper. Default 4.
    shift : float, optional
        svd: PMI less the logarithm of this. Default 1.0.
    context_smoothing : float, optional
        svd: Contexts count to this power. Default 0.75.
    add_contexts : bool, optional
        svd: Add the vectors of contexts to those of words (w + c). Default False.
    min_count : int, optional
        Leave out words that are rarer than this. Default 5.
    max_vocab : int, optional
        Keep at most so many words, the most frequent ones. Default no limit.
    tokenizer : {"whitespace", "words", "chars", "korean", "morphemes"}, optional
        How a line becomes tokens. Default 'whitespace'.
    lowercase : bool, optional
        Lower-case every token. Default False.
    json_field : str, optional
        Read JSON lines and take the text from this field. Default plain text.
    encoding_errors : {"strict", "replace", "ignore"}, optional
        What to do with bytes that are not UTF-8. Default 'strict'.
    **unknown
        There are no others: names of other tools are answered with the one here.

    Returns
    -------
    KeyedVectors
        Its ``config`` holds the model and the options that were used. Where its words are all alike, a warning says
        why and what to do.

    Raises
    ------
    ConfigError
        When an option is unknown, has no effect with this model or this corpus, or has a value that cannot work.
    CorpusError
        When the text cannot be read or leaves nothing to train on.
    TrainingError
        When training diverges or the checkpoint is of another run.
    TypeError
        For a parameter of another name.

    Examples
    --------
    >>> vectors = train([["king", "and", "queen"]] * 50, vector_size=10, workers=1)
    >>> len(vectors)
    3
    """
    given = {name: value for name, value in locals().items() if name in OPTIONS and value is not None}
    if unknown:
        raise unknown_parameters("train", list(unknown))
    inputs = check_inputs(
        corpus,
        given,
        model=model,
        config=config,
        vocabulary=vocabulary,
        cooccurrences=cooccurrences,
        init=init,
        continue_from=continue_from,
        lock=lock,
        compass=compass,
        log=log,
        checkpoint=checkpoint,
        resume=resume,
        mmap_above=mmap_above,
        cluster=cluster,
    )
    return fit(inputs, progress=progress or default_progress(), note=note, checkpoint_every=checkpoint_every)
