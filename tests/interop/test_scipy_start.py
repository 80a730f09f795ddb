"""Kernels beside SciPy, whose linear algebra numba would import."""

import subprocess
import sys

import pytest

pytest.importorskip("scipy.linalg")

STARTED = """
import sys
import numpy as np
from embedkit.kernels.utf8 import is_syllable
assert is_syllable(0xEA, 0xB0)
assert not [name for name in sys.modules if name.startswith("scipy.linalg")]
import numba
square = np.arange(4.0).reshape(2, 2)
assert numba.njit(lambda a: a @ a)(square).tolist() == [[2.0, 3.0], [6.0, 11.0]]
assert "scipy.linalg" in sys.modules
assert numba.njit(lambda a: np.correlate(a, a))(np.ones(3))[0] == 3.0
"""


def test_kernels_load_no_linear_algebra_and_leave_it_to_others():
    run = subprocess.run([sys.executable, "-c", STARTED], capture_output=True, text=True)
    assert run.returncode == 0, run.stderr
