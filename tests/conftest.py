"""Settings of the whole suite.

The first example of a property test may compile a kernel, so none has a deadline. Two test processes share the cores:
threads of the linear algebra in each would wait for one another.
"""

import os

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

settings.register_profile("embedkit", deadline=None)
settings.load_profile("embedkit")
