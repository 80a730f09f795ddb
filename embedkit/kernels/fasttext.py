"""Skip-gram and CBOW over subwords (Bojanowski et al. 2017): negative sampling, hierarchical and full softmax.

The hidden vector is the mean of the rows of a word and its n-grams (CBOW: of all words in the window), and each of
these rows receives the same gradient, undivided, as in the fastText tool. So the hidden vector moves by exactly that
gradient: it is gathered once for each centre, moved after every target, and the whole change is added to the rows
once at the end. The mathematics are the tool's; the rows are read and written a window's worth less often.

What bounded it was memory, in three places, each measured on 18.8 million English words (vector_size 100, 20.5 rows
a word, 400,000 rows in use, an L2 cache of 2 MB):

**N-gram rows.** Half of the reads go to a few thousand rows, which are numbered first so that they lie together in
the cache. The others, the *cold* rows, are read once in thousands of words. A frequent word therefore keeps the sum
of its cold rows in a cache of its own, updated with its own gradients, and a debt: the gradient that it owes to each
of them. After `interval` uses the debt is paid into the rows and the sum read anew. The interval is about a hundredth
of the word's uses in the whole run, so that a cold row is never behind by more than a hundredth of the training,
while the rows are touched some 25 times less often. Rare words (fewer than 3 uses between two payments) are handled
row by row.

**Negatives.** They are drawn from a pool of 512 words that is renewed at a steady rate, so that most of the rows are
in the cache. Each target still has negatives of its own: sharing them over a window costs accuracy in analogies (see
`embedkit.kernels.word2vec` for plain words, where it does not), drawing them from a pool does not.

**Order.** Rows for the next centre are asked for while the current one is at work.

What bounds it now: the six dot products, the logistic function and the update of a target form a chain of some 170
cycles, which the next target has to wait for.
"""

from __future__ import annotations

import functools
from typing import NamedTuple

import numpy as np

from embedkit.kernels.compiling import kernel
from embedkit.kernels.rng import next_uint64
from embedkit.kernels.rows import SCORES, TILE, add_row, aligned_rows, dot_rows, fetch_row, sigmoid, update_rows
from embedkit.kernels.sampling import draw, subsample, window_bounds

POOL_BITS = 9
SMALLEST = np.float32(1e-5)  # a probability counts as at least this much in the loss, as in the fastText tool
UNDERFLOW = 1e-200
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
    fresh : int
        Negatives newly drawn into the pool at each centre.
    mean_gradient : bool
        CBOW: divide the gradient by the number of context words.
    most_outputs : int
        Output rows of one target, rounded up to whole tiles.
    """

    window: int
    shrink: bool
    negative: int
    fresh: int
    mean_gradient: bool
    most_outputs: int


class Model(NamedTuple):
    """The matrices and which of their rows belong to which word.

    Attributes
    ----------
    indptr : int64 (n_words + 1,)
    cold : int64 (n_words,)
        Where a word's cold rows begin in `rows`, for cached words.
    rows : int32 (n_entries,)
        Rows of word w: ``rows[indptr[w]:indptr[w + 1]]``, ascending, the hottest first.
    w_in, w_out : float32 (n_rows, row_size), (n_outputs, row_size)
    cache : float32 (2 * n_cached, row_size)
        Of word w: in row 2 w the sum of its cold rows, in 2 w + 1 what it owes to each of them.
    uses : int32 (n_cached,)
        Uses left until a word pays.
    interval : int32 (n_cached,)
    """

    indptr: np.ndarray
    cold: np.ndarray
    rows: np.ndarray
    w_in: np.ndarray
    w_out: np.ndarray
    cache: np.ndarray
    uses: np.ndarray
    interval: np.ndarray


class Work(NamedTuple):
    """Room for one centre: two hidden vectors that take turns and their start; one target's outputs."""

    hidden: np.ndarray
    outputs: np.ndarray
    scores: np.ndarray
    gradient: np.ndarray
    labels: np.ndarray
    pool: np.ndarray


@kernel
def pay(model, word):
    """Add what a cached word owes to its cold rows, and read their sum anew."""
    cache = model.cache
    cache[2 * word, :] = 0.0
    for r in range(model.cold[word], model.indptr[word + 1]):
        add_row(model.w_in, model.rows[r], cache, 2 * word + 1)
        add_row(cache, 2 * word, model.w_in, model.rows[r])
    cache[2 * word + 1, :] = 0.0
    model.uses[word] = model.interval[word]


@kernel
def pay_all(model):
    """`pay` for every cached word: before the first slice and after the last."""
    for word in range(len(model.uses)):
        pay(model, word)


@kernel
def _fetch_word(model, word):
    stop = model.indptr[word + 1]
    if word < len(model.uses):
        fetch_row(model.cache, np.int64(2 * word))
        fetch_row(model.cache, np.int64(2 * word + 1))
        if model.uses[word] > 1:
            stop = model.cold[word]
    for r in range(model.indptr[word], stop):
        fetch_row(model.w_in, np.int64(model.rows[r]))


@kernel
def _add_word(model, word, hidden):
    """Add the rows of a word to ``hidden[0]``; returns how many there are."""
    stop = model.indptr[word + 1]
    if word < len(model.uses):
        stop = model.cold[word]
        add_row(hidden, 0, model.cache, 2 * word)
    for r in range(model.indptr[word], stop):
        add_row(hidden, 0, model.w_in, model.rows[r])
    return model.indptr[word + 1] - model.indptr[word]


@kernel
def _move_word(model, word, hidden):
    """Add the change ``hidden[2]`` to every row of a word."""
    stop = model.indptr[word + 1]
    cached = word < len(model.uses)
    if cached:
        stop = model.cold[word]
    for r in range(model.indptr[word], stop):
        add_row(model.w_in, model.rows[r], hidden, 2)
    if cached:
        n_cold = np.float32(model.indptr[word + 1] - stop)
        total, debt = model.cache[2 * word], model.cache[2 * word + 1]
        for d in range(hidden.shape[1]):
            total[d] += n_cold * hidden[2, d]
            debt[d] += hidden[2, d]
        model.uses[word] -= 1
        if model.uses[word] <= 0:
            pay(model, word)


@kernel(fastmath=True)
def _logistic(work, n_outputs, rate):
    """Gradients of the logistic loss from scores and labels; a label below 0 leaves an output out.

    Returns the product of the probabilities of the right labels.
    """
    product = np.float32(1)
    for first in range(0, n_outputs, TILE):
        tile = first // TILE * SCORES
        for k in range(SCORES):
            work.gradient[tile + k] = sigmoid(work.scores[tile + k])
        for k in range(TILE):
            p = work.gradient[tile + k]
            label = work.labels[tile + k]
            counts = label >= 0
            product *= max(p if label > 0 else np.float32(1) - p, SMALLEST) if counts else np.float32(1)
            work.gradient[tile + k] = (label - p) * rate if counts else np.float32(0)
        product = max(product, np.float32(1e-30))
    return np.float64(product)


@kernel(fastmath=True)
def _softmax(work, target, n_outputs, rate):
    """Gradients of the full softmax; returns the target's probability."""
    largest = work.scores[0]
    for o in range(n_outputs):
        largest = max(largest, work.scores[o // TILE * SCORES + o % TILE])
    total = 0.0
    for o in range(n_outputs):
        at = o // TILE * SCORES + o % TILE
        work.gradient[at] = np.exp(work.scores[at] - largest)
        total += np.float64(work.gradient[at])
    target_at = target // TILE * SCORES + target % TILE
    probability = np.float64(work.gradient[target_at]) / total
    scale = -rate / np.float32(total)
    for o in range(n_outputs):
        work.gradient[o // TILE * SCORES + o % TILE] *= scale
    work.gradient[target_at] += rate
    for o in range(n_outputs, (n_outputs + TILE - 1) // TILE * TILE):
        work.gradient[o // TILE * SCORES + o % TILE] = np.float32(0)
    return max(probability, 1e-30)


@kernel
def _negatives(table, target, settings, work, state):
    """Put a target and its negatives into the outputs; one equal to the target is left out."""
    work.outputs[0] = target
    work.labels[0] = np.float32(1)
    bits = np.uint64(0)
    left = 0
    for o in range(1, settings.negative + 1):
        if left == 0:
            bits = next_uint64(state)
            left = 64 // POOL_BITS
        word = work.pool[np.int64(bits) & _POOL_MASK]
        bits >>= _POOL_SHIFT
        left -= 1
        work.outputs[o] = word
        work.labels[o // TILE * SCORES + o % TILE] = np.float32(-1) if word == target else np.float32(0)
    return settings.negative + 1


@kernel
def _path(paths, target, settings, work, state):
    """Put the inner nodes on the way to a target into the outputs, with the turns as labels."""
    first = paths.offsets[target]
    n = paths.offsets[target + 1] - first
    for o in range(n):
        work.outputs[o] = paths.nodes[first + o]
        work.labels[o // TILE * SCORES + o % TILE] = paths.labels[first + o]
    for o in range(n, (n + TILE - 1) // TILE * TILE):
        work.outputs[o] = work.outputs[0]
        work.labels[o // TILE * SCORES + o % TILE] = np.float32(-1)
    return n


@kernel
def _renew(table, position, settings, work, state, w_out):
    """Draw fresh negatives into the pool and ask for their rows; returns the next place in it."""
    for _ in range(settings.fresh):
        word = draw(table, state)
        work.pool[position & _POOL_MASK] = word
        position += 1
        fetch_row(w_out, word)
    return position


@functools.cache
def make_learn(loss):
    """``learn(...)`` for one target: ns, hs or softmax. It moves the hidden vector and the output rows.

    It takes the hidden vector in ``work.hidden[now]``, leaves the new one in ``work.hidden[1 - now]`` and returns
    the probability that the model gave to what was seen.
    """
    softmax = loss == "softmax"
    choose = _negatives if loss == "ns" else _path

    @kernel
    def learn(w_out, target, now, table, settings, work, rate, state):
        hidden = work.hidden
        n = w_out.shape[0] if softmax else choose(table, target, settings, work, state)
        for first in range(0, n, TILE):
            dot_rows(w_out, work.outputs, first, hidden[now], work.scores)
        if softmax:
            probability = _softmax(work, target, n, rate)
        else:
            probability = _logistic(work, n, rate)
        update_rows(w_out, work.outputs, 0, work.gradient, hidden[now], hidden[now], hidden[1 - now])
        for first in range(TILE, n, TILE):
            update_rows(w_out, work.outputs, first, work.gradient, hidden[now], hidden[1 - now], hidden[1 - now])
        return probability

    return learn


@kernel
def _make_work(settings, row_size, n_outputs):
    outputs = np.zeros(settings.most_outputs, np.int64)
    for o in range(settings.most_outputs):
        outputs[o] = min(o, n_outputs - 1)
    n_scores = settings.most_outputs // TILE * SCORES
    return Work(aligned_rows(3, row_size), outputs, np.zeros(n_scores, np.float32), np.zeros(n_scores, np.float32),
                np.full(n_scores, np.float32(-1)), np.zeros(1 << POOL_BITS, np.int64))


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
            Summed loss and number of predictions.
        """
        kept = np.empty(stop - start, np.int32)
        n, n_words = subsample(ids, start, stop, keep, state, kept)
        size = model.w_in.shape[1]
        work = _make_work(settings, size, model.w_out.shape[0])
        hidden = work.hidden
        position = np.int64(0)
        if negatives:
            for _ in range(0, 1 << POOL_BITS, settings.fresh):
                position = _renew(table, position, settings, work, state, model.w_out)
        total = 0.0
        product = 1.0
        n_pairs = 0.0
        for centre in range(n):
            if control[0] != 0:
                break
            if negatives:
                position = _renew(table, position, settings, work, state, model.w_out)
            ahead = centre + (settings.window + 1 if cbow else 1)
            if ahead < n and kept[ahead] >= 0:
                _fetch_word(model, kept[ahead])
            ahead = centre + 1 + (0 if cbow else settings.window)
            if ahead < n and kept[ahead] >= 0 and negatives:
                fetch_row(model.w_out, np.int64(kept[ahead]))
            word = kept[centre]
            if word < 0:
                continue
            low, high = window_bounds(kept, n, centre, settings.window, settings.shrink, state)
            if low == high:
                continue
            hidden[0, :] = 0.0
            n_rows = 0
            if cbow:
                for p in range(low, high + 1):
                    if p != centre:
                        n_rows += _add_word(model, kept[p], hidden)
            else:
                n_rows += _add_word(model, word, hidden)
            scale = np.float32(1.0) / np.float32(n_rows)
            for d in range(size):
                hidden[0, d] *= scale
                hidden[2, d] = hidden[0, d]
            now = 0
            if cbow:
                product *= learn(model.w_out, np.int64(word), now, table, settings, work, learning_rate, state)
                now = 1
                n_pairs += 1.0
            else:
                for p in range(low, high + 1):
                    if p == centre:
                        continue
                    product *= learn(model.w_out, np.int64(kept[p]), now, table, settings, work, learning_rate, state)
                    now = 1 - now
                    n_pairs += 1.0
                    if product < UNDERFLOW:
                        total -= np.log(product)
                        product = 1.0
            share = np.float32(1.0)
            if cbow and settings.mean_gradient:
                share = np.float32(1.0) / np.float32(high - low)
            for d in range(size):
                hidden[2, d] = share * (hidden[now, d] - hidden[2, d])
            if cbow:
                for p in range(low, high + 1):
                    if p != centre:
                        _move_word(model, kept[p], hidden)
            else:
                _move_word(model, word, hidden)
            if product < UNDERFLOW:
                total -= np.log(product)
                product = 1.0
        return n_words, total - np.log(product), n_pairs

    return train
