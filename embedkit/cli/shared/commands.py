"""Groups of commands: what they answer to a name that is none of theirs."""

from __future__ import annotations

from typing import Any

import click

# Commands of fastText, word2vec and GloVe, and gensim's methods that people try as commands.
OTHER_NAMES = {
    "skipgram": "train --model skipgram",
    "cbow": "train --model cbow",
    "word2vec": "train --model skipgram, or cbow",
    "fasttext": "train --model fasttext, and classify train --model fasttext",
    "glove": "train --model glove",
    "doc2vec": "train --model doc2vec",
    "supervised": "classify train --model fasttext",
    "quantize": "compress, for a classifier classify train --quantize",
    "test": "classify evaluate",
    "test-label": "classify evaluate --per-label",
    "predict": "classify predict, tag predict or caption predict",
    "predict-prob": "classify predict, which prints probabilities too",
    "print-word-vectors": "vectors",
    "print-sentence-vectors": "vectors --fasttext",
    "print-ngrams": "subwords",
    "nn": "similar",
    "analogies": "analogy",
    "dump": "info, and convert for the vectors",
    "distance": "similar, and similarity for two words",
    "word-analogy": "analogy",
    "word2phrase": "phrases",
    "compute-accuracy": "evaluate --analogies",
    "vocab_count": "vocab",
    "cooccurrence": "cooccur",
    "most_similar": "similar",
    "most-similar": "similar",
    "doesnt_match": "odd-one-out",
    "distances": "similarity --distance, and similar --among",
    "wmdistance": "similarity --wmd",
}


class Commands(click.Group):
    """A group that answers another tool's name with what does the same here, and a misspelt one with those like it."""

    def resolve_command(self, ctx: click.Context, args: list[str]) -> Any:
        names = self.list_commands(ctx)
        if args and args[0] not in names and not args[0].startswith("-"):
            ctx.fail(f"no command named {args[0]!r}{_hint(args[0], names, ctx.command_path)}")
        return super().resolve_command(ctx, args)


def _hint(name: str, names: list[str], group: str) -> str:
    from difflib import get_close_matches

    if name in OTHER_NAMES:
        return f"; here it is embedkit {OTHER_NAMES[name]}"
    close = get_close_matches(name, names, n=3, cutoff=0.5)
    return f"; did you mean {', '.join(close)}?" if close else f"; see {group} --help"
