"""Co-occurrence counts: counting within a bound of memory, adding up, files of counts, looking at them."""

from embedkit.counting.cooccurrences import Cooccurrences, count_cooccurrences, estimate_cells
from embedkit.counting.window import Window

__all__ = ["Cooccurrences", "Window", "count_cooccurrences", "estimate_cells"]
