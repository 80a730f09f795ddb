"""GloVe's records: the counts in groups of rows and columns, shuffled, and the rounds in which they are trained."""

from __future__ import annotations

import numpy as np

from embedkit.counting import Cooccurrences
from embedkit.errors import ConfigError
from embedkit.progress import Progress, ProgressCallback
from embedkit.threads import run_tasks
from embedkit.training.options import TrainingConfig

# The rows of two groups take about 1 MB at 100 dimensions, half the second-level cache of the machines measured:
# with 500 to 1200 rows a group speed and cost are the same, with 3000 it is a third slower.
GROUP_ROWS = 1000
MAX_GROUPS = 256
MAX_GROUP_ROWS = 1 << 16  # a row in its group is a uint16


class Records:
    """The counts as records in the order of training.

    Attributes
    ----------
    n_groups : int
    pairs : uint16 (n, 2)
    targets : float32 (n, 2)
    block_starts : int64 (n_groups, n_groups + 1)
        Where each block starts and its group's last one ends.
    """

    def __init__(self, counts: Cooccurrences, config: TrainingConfig, progress: ProgressCallback | None = None) -> None:
        from embedkit.kernels.glove import arrange_group

        n_words, n = len(counts.vocabulary), len(counts)
        self.n_groups = groups_for(n_words, config.replicas or 1)
        self.pairs, self.targets = np.empty((n, 2), np.uint16), np.empty((n, 2), np.float32)
        self.block_starts = np.zeros((self.n_groups, self.n_groups + 1), np.int64)
        self.members = [members(g, self.n_groups, n_words) for g in range(self.n_groups)]
        lengths = np.diff(counts.offsets)
        starts = np.concatenate([[0], np.cumsum([lengths[words].sum() for words in self.members])])
        seeds = np.random.SeedSequence((config.seed, 0)).generate_state(self.n_groups, np.uint64)

        def arrange(_: int, g: int) -> int:
            arrange_group(
                counts.offsets,
                counts.columns,
                counts.values,
                self.members[g],
                self.n_groups,
                (float(config.x_max), float(config.weight_exponent)),
                int(starts[g]),
                self.block_starts[g],
                self.pairs,
                self.targets,
                seeds[g : g + 1].copy(),
            )
            return int(starts[g + 1] - starts[g])

        done = 0

        def report(_: int, n_records: int) -> None:
            nonlocal done
            done += n_records
            if progress is not None:
                progress(Progress("shuffling", done, n, "records"))

        run_tasks(arrange, range(self.n_groups), config.workers, control=np.zeros(1, np.int64), on_result=report)

    def __len__(self) -> int:
        return len(self.pairs)


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
    sets = _pairs(np.random.SeedSequence((seed, 3, epoch)), turn, replicas) if replicas > 1 else [(0, 0)]
    inner = np.random.SeedSequence((seed, 2, epoch, turn) if replicas > 1 else (seed, 2, epoch))
    groups = _pairs(inner, step, each)
    return [(a * each + i, b * each + j) for a, b in sets for i, j in groups]


def _pairs(seed: np.random.SeedSequence, k: int, n: int) -> list[tuple[int, int]]:
    """Who meets whom the k-th time, until everybody has met all n."""
    random = np.random.default_rng(seed)
    partner, shifts = random.permutation(n), random.permutation(n)
    return [(i, int(partner[(i + shifts[k]) % n])) for i in range(n)]
