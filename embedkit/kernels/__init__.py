"""The compiled inner loops: the only package that imports numba. One file per family, see each docstring."""

SENTENCE_END = -1  # among word ids: what ends a sentence
