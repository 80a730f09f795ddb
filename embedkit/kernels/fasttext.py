"""Skip-gram and CBOW over subwords (Bojanowski et al. 2017): negative sampling, hierarchical and full softmax.

The hidden vector is the mean of the rows of a word and its n-grams (CBOW: of all words in the window), and each of
these rows receives the same gradient, undivided, as in the fastText tool. So the hidden vector moves by exactly that
gradient: it is gathered once for each centre, moved after every target, and the whole change is added to the rows
once at the end. The mathematics are the tool's; the rows are read and written a window's worth less often.

What bounded it was memory, in three places (18.8 million English words, vector_size 100: 20.5 rows a word, 400,000
rows in use, an L2 cache of 2 MB):

**N-gram rows.** Half of the reads go to a few thousand rows, which are numbered first so that they lie together in
the cache. The others are read once in thousands of words. They are updated *lazily*: a frequent word keeps the sum of
its lazy rows in a cache, updated with its own gradients, and the update that is pending for each of them. After
`interval` uses the pending update is flushed into the rows and the sum read anew. The interval is a small share of the
word's uses in the whole run (`embedkit.training.fasttext.FLUSHES`), so no lazy row is behind by more than that share of
the training. Rare words are handled row by row. Until a flush, other words that share a lazy row do not see the pending
update: for them this is a delay, as between threads.

**Negatives.** They are drawn from a pool of 512 words that is renewed at a steady rate, so that their rows are in the
L2 cache. Each target has negatives of its own: sharing them over a window costs accuracy in analogies.

**Rows that all threads write.** Each thread has the 256 most used input rows and the 64 most frequent words' output
rows for itself during a slice (`embedkit.kernels.private`): 6 % faster with two threads, and better, since two threads'
steps on a frequent n-gram no longer add up (WS353 .686 instead of .678, analogies .562 instead of .552, six seeds
against three).

**Order.** Rows for the next centre are asked for while the current one is at work.

What bounds it now: 265 ns a pair in training against some 70 ns for the six products and updates when the rows are in
the L2 cache. A third of the time passes at the prefetches of n-gram rows and new negatives, which wait for free line
buffers (spreading them over the targets of a centre changed nothing), the rest mostly in the products. Before, 38 %
went into counting references to the arrays that the small functions here are given, atomically and on lines that both
threads share; they borrow them now. The exact row-by-row way (no lazy updates) takes 9 % longer; its vectors are
as good within the noise.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.math import LANES, logistic_steps
from embedkit.kernels.private import give_back, take_private
from embedkit.kernels.rng import next_uint64
from embedkit.kernels.rows import SCORES, TILE, add_row, aligned_rows, dot_rows, fetch_row, update_rows
from embedkit.kernels.sampling import draw, subsample, window_bounds

POOL_BITS = 9
ONE = np.float32(1.0)
LOSS_EVERY = 16  # the loss is computed for one centre in so many: it costs logarithms
_POOL_MASK = np.int64((1 << POOL_BITS) - 1)
_POOL_SHIFT = np.uint64(POOL_BITS)


class Settings(NamedTuple):
    """What stays the same through a run.

    Attributes
    ----------
    window : int
    shrink : bool
        Draw each centre's window from 1..window.
    negative : int
        Negatives a target; 0 with the other losses.
    n_drawn : int
        Negatives newly drawn into the pool at each centre.
    mean_gradient : bool
        CBOW: divide the gradient by the number of context words.
    max_outputs : int
        Output rows of one target, rounded up to whole tiles.
    n_inputs, inputs, n_outputs, outputs : int
        How many rows of `w_in` (the most used ones) and of `w_out` the thread has for itself, and the first of its own
        (`embedkit.kernels.private`).
    share : float32
        What it gives back of their change.
    """

    window: int
    shrink: bool
    negative: int
    n_drawn: int
    mean_gradient: bool
    max_outputs: int
    n_inputs: int = 0
    inputs: int = 0
    n_outputs: int = 0
    outputs: int = 0
    share: np.float32 = ONE


class Model(NamedTuple):
    """The matrices and which of their rows belong to which word.

    Attributes
    ----------
    indptr : int64 (n_words + 1,)
    lazy_start : int64 (n_words,)
        Where a word's lazily updated rows begin in `rows`, for cached words.
    rows : int32 (n_entries,)
        Rows of word w: ``rows[indptr[w]:indptr[w + 1]]``, ascending, the most used first.
    w_in, w_out : float32 (n_rows, row_size), (n_outputs, row_size)
    cache : float32 (2 * n_cached, row_size)
        Of word w: in row 2 w the sum of its lazy rows, in 2 w + 1 the update pending for each of them.
    uses : int32 (n_cached,)
        Uses left until a word's pending update is flushed.
    interval : int32 (n_cached,)
    """

    indptr: np.ndarray
    lazy_start: np.ndarray
    rows: np.ndarray
    w_in: np.ndarray
    w_out: np.ndarray
    cache: np.ndarray
    uses: np.ndarray
    interval: np.ndarray


@kernel(borrows=True)
def flush(indptr, lazy_start, rows, w_in, cache, uses, interval, word):
    """Add the pending update of a cached word to its lazy rows, and read their sum anew."""
    for d in range(cache.shape[1]):
        cache[2 * word, d] = 0.0
    for r in range(lazy_start[word], indptr[word + 1]):
        add_row(w_in, rows[r], ONE, cache, 2 * word + 1)
        add_row(cache, 2 * word, ONE, w_in, rows[r])
    for d in range(cache.shape[1]):
        cache[2 * word + 1, d] = 0.0
    uses[word] = interval[word]


@kernel(borrows=True)
def flush_all(model):
    """`flush` for every cached word: before the first slice and after the last."""
    indptr, lazy_start, rows, w_in, _, cache, uses, interval = model
    for word in range(len(uses)):
        flush(indptr, lazy_start, rows, w_in, cache, uses, interval, word)


@kernel(borrows=True)
def _input(settings, row):
    return row + settings.inputs if row < settings.n_inputs else row


@kernel(borrows=True)
def _output(settings, word):
    return word + settings.outputs if word < settings.n_outputs else word


@kernel(borrows=True)
def _fetch_word(settings, indptr, lazy_start, rows, w_in, cache, uses, word):
    stop = indptr[word + 1]
    if word < len(uses):
        fetch_row(cache, np.int64(2 * word))
        fetch_row(cache, np.int64(2 * word + 1))
        if uses[word] > 1:
            stop = lazy_start[word]
    for r in range(indptr[word], stop):
        fetch_row(w_in, np.int64(_input(settings, rows[r])))


@kernel(borrows=True)
def _add_word(settings, indptr, lazy_start, rows, w_in, cache, n_cached, word, hidden):
    """Add the rows of a word to ``hidden[0]``; returns how many there are."""
    stop = indptr[word + 1]
    if word < n_cached:
        stop = lazy_start[word]
        add_row(hidden, 0, ONE, cache, 2 * word)
    for r in range(indptr[word], stop):
        add_row(hidden, 0, ONE, w_in, _input(settings, rows[r]))
    return indptr[word + 1] - indptr[word]


@kernel(borrows=True)
def _move_word(settings, indptr, lazy_start, rows, w_in, cache, uses, interval, word, hidden):
    """Add the change ``hidden[2]`` to every row of a word."""
    stop = indptr[word + 1]
    cached = word < len(uses)
    if cached:
        stop = lazy_start[word]
    for r in range(indptr[word], stop):
        add_row(w_in, _input(settings, rows[r]), ONE, hidden, 2)
    if cached:
        add_row(cache, 2 * word, np.float32(indptr[word + 1] - stop), hidden, 2)
        add_row(cache, 2 * word + 1, ONE, hidden, 2)
        uses[word] -= 1
        if uses[word] <= 0:
            flush(indptr, lazy_start, rows, w_in, cache, uses, interval, word)


@kernel(borrows=True)
def _logistic_loss(scores, labels, counted, n):
    """Sum of ``-log σ(±score)`` over the outputs that count."""
    loss = 0.0
    for o in range(n):
        at = o // TILE * SCORES + o % TILE
        if counted[at] > 0:
            s = np.float64(scores[at])
            if labels[at] > 0:
                s = -s
            loss += max(s, 0.0) + np.log1p(np.exp(-abs(s)))
    return loss


@kernel(borrows=True, fastmath=True)
def _softmax(scores, gradient, target, n_outputs, rate):
    """Gradients of the full softmax; returns the loss."""
    largest = scores[0]
    for o in range(n_outputs):
        largest = max(largest, scores[o // TILE * SCORES + o % TILE])
    total = 0.0
    for o in range(n_outputs):
        at = o // TILE * SCORES + o % TILE
        gradient[at] = np.exp(scores[at] - largest)
        total += np.float64(gradient[at])
    target_at = target // TILE * SCORES + target % TILE
    loss = np.log(total) - np.float64(scores[target_at] - largest)
    scale = -rate / np.float32(total)
    for o in range(n_outputs):
        gradient[o // TILE * SCORES + o % TILE] *= scale
    gradient[target_at] += rate
    return loss


@kernel(borrows=True)
def _negatives(pool, target, negative, outputs, labels, counted, state):
    """Put a target and its negatives into the outputs; one equal to the target does not count."""
    outputs[0] = target
    labels[0] = 1.0
    counted[0] = 1.0
    bits = np.uint64(0)
    left = 0
    for o in range(1, negative + 1):
        if left == 0:
            bits = next_uint64(state)
            left = 64 // POOL_BITS
        word = pool[np.int64(bits) & _POOL_MASK]
        bits >>= _POOL_SHIFT
        left -= 1
        outputs[o] = word
        counted[o // TILE * SCORES + o % TILE] = 0.0 if word == target else 1.0
    return negative + 1


@kernel(borrows=True)
def _path(paths, target, outputs, labels, counted):
    """Put the inner nodes on the way to a target into the outputs, with the turns as labels."""
    first = paths.offsets[target]
    n = paths.offsets[target + 1] - first
    for o in range(n):
        at = o // TILE * SCORES + o % TILE
        outputs[o] = paths.nodes[first + o]
        labels[at] = paths.labels[first + o]
        counted[at] = 1.0
    for o in range(n, (n + TILE - 1) // TILE * TILE):
        outputs[o] = outputs[0]
        counted[o // TILE * SCORES + o % TILE] = 0.0
    return n


@kernel(borrows=True)
def _renew(settings, table, position, pool, state, w_out):
    """Draw new negatives into the pool, as the thread's rows, and ask for these; returns the next place in it."""
    for _ in range(settings.n_drawn):
        word = _output(settings, draw(table, state))
        pool[position & _POOL_MASK] = word
        position += 1
        fetch_row(w_out, word)
    return position


@kernel(borrows=True)
def _score(w_out, outputs, n, hidden, now, scores):
    for first in range(0, n, TILE):
        dot_rows(w_out, outputs, first, hidden, now, scores)


@kernel(borrows=True)
def _update(w_out, outputs, n, gradient, hidden, now):
    update_rows(w_out, outputs, 0, gradient, hidden, now, now, 1 - now)
    for first in range(TILE, n, TILE):
        update_rows(w_out, outputs, first, gradient, hidden, now, 1 - now, 1 - now)


@functools.cache
def make_learn(loss):
    """``learn(...)`` for one target: ns, hs or softmax. It moves the hidden vector and the output rows.

    It takes the hidden vector in ``hidden[now]``, leaves the new one in ``hidden[1 - now]`` and returns the loss
    where `watch` is true, else 0. Of each tile's eight places in `scores`, `labels`, `counted` (0 or 1) and
    `gradient` the last two are unused.
    """
    if loss == "softmax":

        @kernel(borrows=True)
        def learn(
            w_out,
            target,
            table,
            negative,
            pool,
            hidden,
            now,
            outputs,
            scores,
            labels,
            counted,
            gradient,
            rate,
            state,
            watch,
        ):
            n = w_out.shape[0]
            _score(w_out, outputs, n, hidden, now, scores)
            found = _softmax(scores, gradient, target, n, rate)
            _update(w_out, outputs, n, gradient, hidden, now)
            return found if watch else 0.0

        return learn

    negatives = loss == "ns"

    @kernel(borrows=True)
    def learn(
        w_out,
        target,
        table,
        negative,
        pool,
        hidden,
        now,
        outputs,
        scores,
        labels,
        counted,
        gradient,
        rate,
        state,
        watch,
    ):
        if negatives:
            n = _negatives(pool, target, negative, outputs, labels, counted, state)
        else:
            n = _path(table, target, outputs, labels, counted)
        _score(w_out, outputs, n, hidden, now, scores)
        n_places = (n + TILE - 1) // TILE * SCORES
        for k in range(n_places):
            gradient[k] = counted[k]
        logistic_steps(scores, gradient, labels, n_places, rate)
        _update(w_out, outputs, n, gradient, hidden, now)
        return _logistic_loss(scores, labels, counted, n) if watch else 0.0

    return learn


@functools.cache
def make_train(cbow, loss):
    """The training kernel: ``train(ids, start, stop, keep, table, settings, model, learning_rate, state, control)``.

    Parameters
    ----------
    cbow : bool
        The window's words predict the centre, instead of the centre each of them.
    loss : {"ns", "hs", "softmax"}
        `table` is an alias table, `embedkit.kernels.word2vec_exact.Paths`, or for softmax whatever, it is not read.
    """
    learn = make_learn(loss)
    negatives = loss == "ns"

    @kernel
    def train(ids, start, stop, keep, table, settings, model, learning_rate, state, control):
        """Train on ``ids[start:stop]``.

        Returns
        -------
        n_words : int
            Words seen, left-out ones included.
        loss, n_pairs : float
            Sum of the loss over the centres where it was computed, and its number of predictions.
        """
        indptr, lazy_start, rows, w_in, w_out, cache, uses, interval = model
        window, negative = settings.window, settings.negative
        kept = np.empty(stop - start, np.int32)
        n, n_words = subsample(ids, start, stop, keep, state, kept)
        size = w_in.shape[1]
        n_cached = len(uses)
        inputs_before = np.empty((settings.n_inputs, size), np.float32)
        outputs_before = np.empty((settings.n_outputs, size), np.float32)
        take_private(w_in, settings.inputs, inputs_before)
        take_private(w_out, settings.outputs, outputs_before)
        hidden = aligned_rows(3, size)
        outputs = np.zeros(settings.max_outputs, np.int64)
        for o in range(settings.max_outputs):
            outputs[o] = min(o, w_out.shape[0] - 1)
        n_places = settings.max_outputs // TILE * SCORES + LANES
        scores, labels = np.zeros(n_places, np.float32), np.zeros(n_places, np.float32)
        counted, gradient = np.zeros(n_places, np.float32), np.zeros(n_places, np.float32)
        pool = np.zeros(1 << POOL_BITS, np.int64)
        position = np.int64(0)
        if negatives:
            for _ in range(0, 1 << POOL_BITS, settings.n_drawn):
                position = _renew(settings, table, position, pool, state, w_out)
        total = 0.0
        n_pairs = 0.0
        for centre in range(n):
            if control[0] != 0:
                break
            if negatives:
                position = _renew(settings, table, position, pool, state, w_out)
            ahead = centre + (window + 1 if cbow else 1)
            if ahead < n and kept[ahead] >= 0:
                _fetch_word(settings, indptr, lazy_start, rows, w_in, cache, uses, kept[ahead])
            ahead = centre + 1 + (0 if cbow else window)
            if negatives and ahead < n and kept[ahead] >= 0:
                fetch_row(w_out, np.int64(_output(settings, kept[ahead])))
            word = np.int64(kept[centre])
            if word < 0:
                continue
            low, high = window_bounds(kept, n, centre, window, settings.shrink, state)
            if low == high:
                continue
            for d in range(size):
                hidden[0, d] = 0.0
            n_rows = 0
            for p in range(low if cbow else centre, (high if cbow else centre) + 1):
                if not cbow or p != centre:
                    n_rows += _add_word(settings, indptr, lazy_start, rows, w_in, cache, n_cached, kept[p], hidden)
            scale = np.float32(1.0) / np.float32(n_rows)
            for d in range(size):
                hidden[0, d] *= scale
                hidden[2, d] = hidden[0, d]
            now = 0
            watch = centre % LOSS_EVERY == 0
            for p in range(centre if cbow else low, (centre if cbow else high) + 1):
                if not cbow and p == centre:
                    continue
                target = np.int64(_output(settings, kept[p]))
                total += learn(
                    w_out,
                    target,
                    table,
                    negative,
                    pool,
                    hidden,
                    now,
                    outputs,
                    scores,
                    labels,
                    counted,
                    gradient,
                    learning_rate,
                    state,
                    watch,
                )
                n_pairs += watch
                now = 1 - now
            share = np.float32(1.0)
            if cbow and settings.mean_gradient:
                share = np.float32(1.0) / np.float32(high - low)
            for d in range(size):
                hidden[2, d] = share * (hidden[now, d] - hidden[2, d])
            for p in range(low if cbow else centre, (high if cbow else centre) + 1):
                if not cbow or p != centre:
                    _move_word(settings, indptr, lazy_start, rows, w_in, cache, uses, interval, kept[p], hidden)
        give_back(w_in, settings.inputs, inputs_before, settings.share)
        give_back(w_out, settings.outputs, outputs_before, settings.share)
        return n_words, total, n_pairs

    return train
