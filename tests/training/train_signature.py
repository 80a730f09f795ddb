"""The options of `embedkit.train` as its signature and docstring must spell them out, made from the option classes.

``python -m tests.training.train_signature`` prints both; tests/training/test_options.py compares them.
"""

import textwrap

from embedkit.options import defaults, described, kind_of
from embedkit.training.options import CONFIGS


def options():
    """Name -> {model: class} of every option, in the order of the classes."""
    found = {}
    for model, kind in CONFIGS.items():
        for name in defaults(kind):
            found.setdefault(name, {})[model] = kind
    corpus = ("min_count", "max_vocab", "tokenizer", "lowercase", "json_field", "encoding_errors")
    return {name: found[name] for name in [*(n for n in found if n not in corpus), *corpus]}


def parameters():
    """One line a parameter."""
    for name, kinds in options().items():
        kind, _ = kind_of(next(iter(kinds.values())), name)
        yield f"    {name}: {kind.__name__} | None = None,"


def documentation():
    """Two or three lines an option, numpydoc."""
    for name, kinds in options().items():
        first = next(iter(kinds.values()))
        facts = described(first)[name]
        kind, _ = kind_of(first, name)
        choices = ", ".join(f'"{choice}"' for choice in facts.choices)
        yield f"    {name} : {f'{{{choices}}}' if choices else kind.__name__}, optional"
        text = f"{facts.help} {default_text(name, kinds)}"
        if len(kinds) < len(CONFIGS):
            text = f"{', '.join(kinds)}: {text}"
        yield from textwrap.wrap(text, 112, initial_indent=" " * 8, subsequent_indent=" " * 8)


def default_text(name, kinds):
    by_value = {}
    for model, kind in kinds.items():
        by_value.setdefault(described(kind)[name].default_help or repr(defaults(kind)[name]), []).append(model)
    (most, _), *others = sorted(by_value.items(), key=lambda item: -len(item[1]))
    rest = "".join(f"; {', '.join(models)} {value}" for value, models in others)
    return f"Default {most}{rest}."


if __name__ == "__main__":
    print(*parameters(), sep="\n")
    print(*documentation(), sep="\n")
