"""Settings of the whole suite.

The first example of a property test may compile a kernel, so none has a deadline. Two test processes share the cores:
threads of the linear algebra in each would wait for one another. Ctrl-C is tested also where the suite runs in a
shell's background, which ignores it.
"""

import os
import signal

os.environ.setdefault("OPENBLAS_NUM_THREADS", "1")
os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

signal.signal(signal.SIGINT, signal.default_int_handler)

settings.register_profile("embedkit", deadline=None)
settings.load_profile("embedkit")
