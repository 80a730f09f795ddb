"""GloVe's records: the counts in groups of rows and columns, shuffled, and the rounds in which they are trained."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cache, cached_property

import numpy as np

from embedkit.errors import ConfigError
from embedkit.training.options import TrainingConfig

# The rows of two groups take 1.8 MB at 100 dimensions, less than a second-level cache of 2 MB. With it 500 to 1200 rows
# a group had the same speed and cost, 3000 were a third slower; with one of 1 MB see `embedkit.kernels.glove`.
GROUP_ROWS = 1000
MAX_GROUPS = 256
MAX_GROUP_ROWS = 1 << 16  # a row in its group is a uint16


def groups_for(n_words: int, replicas: int = 1) -> int:
    """How many groups the words are dealt to, as many to each replica; any machine gives the same result.

    Raises
    ------
    ConfigError
        When there are more replicas than words.
    """
    if replicas > n_words:
        raise ConfigError(f"`replicas` {replicas} are more than the vocabulary has words, {n_words}; give fewer")
    groups = min(MAX_GROUPS, max(1, n_words // GROUP_ROWS), n_words)
    groups = max(groups, min(8, n_words), -(-n_words // MAX_GROUP_ROWS))
    return replicas * min(-(-groups // replicas), n_words // replicas)


def members(group: int, n_groups: int, n_words: int) -> np.ndarray:
    """The words of a group in the order of their rows, int32; `embedkit.kernels.glove.group_of` backwards."""
    laps = np.arange(-(-n_words // n_groups))
    words = laps * n_groups + np.where(laps % 2 == 0, group, n_groups - 1 - group)
    return words[words < n_words].astype(np.int32)


def round_blocks(seed: int, epoch: int, k: int, n_groups: int, replicas: int = 1) -> list[tuple[int, int]]:
    """The blocks of round k of a pass: each group of rows once, each group of columns once.

    A replica has so many neighbouring groups of rows. It stays with the same groups of columns, as many, until all of
    these have met all of those; then it takes over those of another replica. So the columns change hands `replicas`
    times in a pass (Gemulla et al. 2011).
    """
    each = n_groups // replicas
    turn, step = divmod(k, each)
    sets = parts_met(seed, epoch, turn, replicas)
    groups = groups_met(seed, epoch, turn, step, each, replicas)
    return [(a * each + i, b * each + j) for a, b in enumerate(sets) for i, j in groups]


def parts_met(seed: int, epoch: int, turn: int, replicas: int) -> list[int]:
    """Which part of the columns each part of the rows is with in a turn of a pass."""
    if replicas == 1:
        return [0]
    return [b for _, b in _pairs(np.random.SeedSequence((seed, 3, epoch)), turn, replicas)]


def groups_met(seed: int, epoch: int, turn: int, step: int, each: int, replicas: int) -> list[tuple[int, int]]:
    """Which groups of two parts meet in a step of a turn: of the rows, of the columns."""
    return _pairs(np.random.SeedSequence((seed, 2, epoch, turn) if replicas > 1 else (seed, 2, epoch)), step, each)


def _pairs(seed: np.random.SeedSequence, k: int, n: int) -> list[tuple[int, int]]:
    """Who meets whom the k-th time, until everybody has met all n."""
    random = np.random.default_rng(seed)
    partner, shifts = random.permutation(n), random.permutation(n)
    return list(enumerate(np.roll(partner, -shifts[k]).tolist()))


def group_seeds(seed: int, n_groups: int) -> np.ndarray:
    """What the records of each group of rows are shuffled with, uint64 (n_groups,)."""
    return np.random.SeedSequence((seed, 0)).generate_state(n_groups, np.uint64)


def squares(targets: np.ndarray) -> float:
    """The sum of f(x) (log x)² over records."""
    return float(np.sum(targets[:, 1] * np.square(targets[:, 0]), dtype=np.float64))


@dataclass(frozen=True)
class Groups:
    """How words are dealt to groups, and groups to parts, one for each replica.

    Attributes
    ----------
    n_words : int
    n : int
        Groups.
    replicas : int
        Parts; of the rows and of the columns alike.
    """

    n_words: int
    n: int
    replicas: int

    @classmethod
    def of(cls, n_words: int, replicas: int) -> Groups:
        """The groups of a vocabulary; errors as of `groups_for`."""
        return cls(n_words, groups_for(n_words, replicas), replicas)

    @property
    def each(self) -> int:
        """Groups of a part, and the steps of a turn."""
        return self.n // self.replicas

    @cached_property
    def first_rows(self) -> list[int]:
        """Where each group's rows begin, and the last one's end."""
        found: list[int] = np.cumsum([0, *(len(self.members(g)) for g in range(self.n))]).tolist()
        return found

    def members(self, g: int) -> np.ndarray:
        """The words of a group, int32."""
        return members(g, self.n, self.n_words)

    def order(self) -> np.ndarray:
        """Which word each row is of, int32 (n_words,)."""
        return np.concatenate([self.members(g) for g in range(self.n)])

    def of_part(self, part: int) -> range:
        """The groups of a part."""
        return range(part * self.each, (part + 1) * self.each)

    def rows(self, part: int) -> slice:
        """The rows of a part."""
        return slice(self.first_rows[part * self.each], self.first_rows[(part + 1) * self.each])

    def turn(self, k: int) -> int:
        """The turn of step k, both counted from the beginning of a run; there are `n` steps in a pass."""
        return k // self.each

    def turns(self, k: int, n: int) -> Iterator[tuple[int, range]]:
        """Steps ``k .. k + n - 1`` by turns: of each its number, and the steps counted within it."""
        while n > 0:
            turn, step = divmod(k, self.each)
            some = min(n, self.each - step)
            yield turn, range(step, step + some)
            k, n = k + some, n - some

    def met(self, seed: int, turn: int) -> list[int]:
        """Which part of the columns each part of the rows is with in a turn, counted from the beginning of a run."""
        return _met(seed, turn, self.replicas)

    def pairs(self, seed: int, turn: int, step: int) -> list[tuple[int, int]]:
        """Which groups of two parts meet in a step of such a turn."""
        epoch, turn = divmod(turn, self.replicas)
        return groups_met(seed, epoch, turn, step, self.each, self.replicas)


@cache
def _met(seed: int, turn: int, replicas: int) -> list[int]:
    return parts_met(seed, *divmod(turn, replicas), replicas)


def fingerprint(lengths: np.ndarray, columns: Iterable[np.ndarray], values: Iterable[np.ndarray]) -> str:
    """A fingerprint of the counts of a group's rows: how long they are, and all of them in a row, in pieces."""
    found = []
    for arrays in ([np.ascontiguousarray(lengths, np.int64)], columns, values):
        digest = hashlib.blake2b(digest_size=16)
        for array in arrays:
            digest.update(np.ascontiguousarray(array).data)
        found.append(digest.hexdigest())
    return " ".join(found)


def arrange(
    groups: Groups, config: TrainingConfig, g: int, lengths: np.ndarray, columns: np.ndarray, values: np.ndarray
) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
    """The records of a group of rows in the order of training, of the counts of its rows.

    Returns
    -------
    starts : int64 (n_groups + 1,)
        Where each block starts, and the last one's end.
    pairs : uint16 (n, 2)
    targets : float32 (n, 2)
    """
    from embedkit.kernels.glove import arrange_group

    n = len(columns)
    starts = np.zeros(groups.n + 1, np.int64)
    pairs, targets = np.empty((n, 2), np.uint16), np.empty((n, 2), np.float32)
    arrange_group(
        np.concatenate([np.zeros(1, np.int64), np.cumsum(lengths)]),
        columns,
        values,
        groups.n,
        (float(config.x_max), float(config.weight_exponent)),
        starts,
        pairs,
        targets,
        group_seeds(config.seed, groups.n)[g : g + 1].copy(),
    )
    return starts, pairs, targets
