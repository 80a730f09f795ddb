# `make demo` and `make test` need only Python 3.11+ and make: they set up .venv themselves.
PYTHON ?= python3
VENV ?= .venv
ifeq ($(OS),Windows_NT)
BIN := $(VENV)/Scripts
else
BIN := $(VENV)/bin
endif
PY := $(BIN)/python
DATA ?= ../shared/data
# Compiled tools to measure against: NAME=PATH ..., as tests/benchmarks/compiled.py lists them.
BINARIES ?=

.PHONY: demo test lint docs wheel interop bench bench-full quality boundscheck lowest narrow search clean

$(PY):
	$(PYTHON) -m venv $(VENV)

# One stamp per set of extras: installing again only when pyproject.toml changes.
$(VENV)/installed-%: pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check -e '.[$*]'
	@touch $@

$(VENV)/installed: pyproject.toml | $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check -e .
	@touch $@

demo: $(VENV)/installed
	$(PY) corpora/demo.py

test: $(VENV)/installed-test
	$(PY) -m pytest -n 2 --dist loadfile

lint: $(VENV)/installed-dev
	$(BIN)/ruff check .
	$(BIN)/ruff format --check .
	$(BIN)/mypy

# The manual as a site: build/docs/html.
docs: $(VENV)/installed-docs
	$(PY) .ci/docs.py

# dist/: the source archive, the wheel built from it, both checked.
wheel: $(VENV)/installed-release
	rm -rf dist build/man
	$(PY) -m build --outdir dist
	$(PY) -m twine check --strict dist/*

# The suite again with every array index checked inside the kernels.
boundscheck: $(VENV)/installed-test
	NUMBA_BOUNDSCHECK=1 $(PY) -m pytest -n 2 --dist loadfile

# The suite with the lowest versions that pyproject.toml allows, on Python 3.11: LOWEST is set up for them.
LOWEST ?= .venv-lowest
lowest:
	$(PYTHON) -m venv --clear $(LOWEST)
	$(PYTHON) .ci/lowest.py test > $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pip install --quiet --disable-pip-version-check -e '.[test]' -c $(LOWEST)/lowest.txt
	$(LOWEST)/bin/python -m pytest -n 2 --dist loadfile

# The suites of kernels and training as a processor with AVX2 alone runs them (LLVM's name; NEON: apple-m1, on one that has it).
CPU ?= haswell
narrow: $(VENV)/installed-test
	NUMBA_CPU_NAME=$(CPU) $(PY) -m pytest -n 2 --dist loadfile tests/kernels tests/training tests/counting

# The property tests with cases that nobody has tried.
search: $(VENV)/installed-test
	$(PY) -m pytest -n 2 --dist loadfile --hypothesis-profile=search -m hypothesis

interop: $(VENV)/installed-interop
	sh tests/interop/setup.sh
	sh tests/interop/object_store.sh $(PY)
	$(PY) -m pip install --quiet --disable-pip-version-check torch==2.13.0 \
		|| echo "interop: PyTorch 2.13.0 could not be installed; its comparisons are skipped"
	$(PY) -m pip install --quiet --disable-pip-version-check sentence-transformers fastembed \
		|| echo "interop: sentence-transformers or FastEmbed could not be installed; their comparisons are skipped"
	$(PY) -m pytest -o addopts=-q -n 2 --dist loadfile tests/interop $(wildcard tests/nn/test_torch_*.py) \
		tests/nn/test_pieces.py tests/counting/test_tfidf.py tests/counting/test_association.py

# A benchmark that needs a text: without it the others run all the same.
define with
@if [ -e "$(DATA)/$(1)" ] || [ -e "$(DATA)/$(1).xz" ]; then echo '$(strip $(2))'; $(2); \
	else echo 'left out, $(1)(.xz) is not in $(DATA), see corpora/README.md: $(strip $(2))'; fi
endef

bench: $(VENV)/installed-bench
	$(call with,en_wiki.txt,$(PY) -m tests.benchmarks.word2vec --data $(DATA) --fraction 6 $(BINARIES:%=--binary %))
	$(call with,ko_wiki.txt,$(PY) -m tests.benchmarks.fasttext --data $(DATA))
	$(call with,en_wiki.txt,$(PY) -m tests.benchmarks.workers --data $(DATA))
	$(call with,en_wiki.txt,$(PY) -m tests.benchmarks.replicas --data $(DATA) --fraction 6 --rounds 3)
	$(call with,en_wiki.txt,$(PY) -m tests.benchmarks.doc2vec --data $(DATA))
	$(PY) -m tests.benchmarks.roofline --data $(DATA)
	$(PY) -m tests.benchmarks.scaling --megabytes 100 --distinct 100000 1000000
	$(PY) -m tests.benchmarks.neighbour_index --words 200000

bench-full: $(VENV)/installed-bench
	$(call with,en_wiki.txt,$(PY) -m tests.benchmarks.word2vec --data $(DATA) --fraction 1 --seeds 3 $(BINARIES:%=--binary %))
	$(call with,en_wiki.txt,$(PY) -m tests.benchmarks.replicas --data $(DATA))
	$(PY) -m tests.benchmarks.scaling --megabytes 1000 --distinct 100000 1000000
	$(PY) -m tests.benchmarks.neighbour_index

quality: $(VENV)/installed-bench
	$(PY) -m tests.benchmarks.quality --data $(DATA)

clean:
	rm -rf $(VENV) $(LOWEST) demo build dist
