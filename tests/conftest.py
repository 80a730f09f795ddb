"""Settings of the whole suite: the first example of a property test may compile a kernel, so none has a deadline."""

from hypothesis import settings

settings.register_profile("embedkit", deadline=None)
settings.load_profile("embedkit")
