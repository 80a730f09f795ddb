"""The compiled inner loops: the only package that imports numba. One file per family, see each docstring."""
