"""Counting on many machines: the same numbers, bit for bit, that one machine counts.

The corpus is cut into byte ranges (`embedkit.text.ranges`). Each task is a pure function of a range and of what was
counted before, so a task whose worker died is simply done again elsewhere. What the tasks return are integers, and
integer sums do not depend on who adds them up or in which order.

``engine``       submit and gather
``dask_engine``  the one engine there is, and ``connecting`` how it is reached
``desk``         calls to workers, and between them
``words``        word counts, merged as a tree
``cooccurrence`` co-occurrence counts, merged by rows
``phrases``      collocations
``documents``    bag of words and TF-IDF
"""
