"""Measurements against other tools. Importing embedkit first lets it set what NumPy reads when it loads."""

import embedkit  # noqa: F401
