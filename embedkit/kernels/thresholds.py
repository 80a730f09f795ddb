"""From which size on compiled code pays: below, importing numba and loading a kernel costs more than it saves.

Importing numba and one cached kernel takes about 0.4 s on a two-core machine; Python or NumPy do these amounts in
that time. A single question never reaches them, so that it never imports numba. Looked up as ``thresholds.NAME``
where the choice is made.
"""

from __future__ import annotations

HASHED_WORDS = 2_000  # words split into n-grams, or composed from them
SCORES = 50_000_000  # query vectors × vectors searched for neighbours, in one process
SCANNED_CHARACTERS = 1 << 18  # of lines whose words are looked up in a model
PARSED_BYTES = 12 << 20  # of a file of vectors as text
PRINTED_NUMBERS = 1_000_000  # of vectors written as text
RECURRENT_PRODUCTS = 1 << 22  # multiplications of one direction of one recurrent layer
CHAIN_PRODUCTS = 1 << 14  # words × tags², padding included, of a CRF that trains
MOVED_VALUES = 1 << 14  # of one parameter that an optimiser's step changes
SUMMED_VALUES = 1 << 14  # of rows that are added up
