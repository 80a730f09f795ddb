import re

import pytest

from embedkit.counting.counting import tokens_within
from embedkit.errors import ConfigError


@pytest.mark.parametrize(
    ("memory", "shown"), [(10, "10"), (1 << 10, "1K"), (1500, "1500"), (3 << 20, "3M"), ((5 << 20) + 1, "6M")]
)
def test_memory_that_is_too_small_is_told_as_it_was_given_and_what_is_asked_for_is_enough(memory, shown):
    with pytest.raises(ConfigError, match=rf"`memory` {shown} is too small.* need (\d+)M;") as refused:
        tokens_within(memory, 2000, 2)
    enough = int(re.search(r"need (\d+)M", str(refused.value))[1]) << 20
    assert tokens_within(enough, 2000, 2) > 0
