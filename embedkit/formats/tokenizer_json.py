"""``tokenizer.json``, the file of Hugging Face's package tokenizers: the tokens by row, and a tokenizer of whole words.

Reading needs no package: the tokens are in ``model.vocab`` (an object of numbers, or a list for Unigram) and in
``added_tokens``. A piece that continues a word is written ``##ing``, as WordPiece has it; the mark of a piece that
begins one (``▁`` of SentencePiece, ``Ġ`` of byte-level BPE) is left off, and bytes are bytes again.

Writing takes the package (extra ``static``). The tokenizer is of whole words: it cuts text as the model's own tokenizer
does, as far as tokenizers can: ``whitespace``, ``words`` and ``chars`` are the same, the others need more than one
regular expression and fall back to white space.
"""

from __future__ import annotations

import os
import re
from collections.abc import Sequence
from typing import Any, NamedTuple

from embedkit.errors import EmbedkitError, FormatError
from embedkit.files.safetensors import json_object
from embedkit.text.symbols import BARE_PATTERN, character_patterns, word_patterns

UNKNOWN, PADDING = "[UNK]", "[PAD]"
CONTINUES = "##"


class Tokens(NamedTuple):
    """What a tokenizer's file says: the tokens by row (None where a row has none), and the rows of special ones."""

    by_row: list[str | None]
    special: frozenset[int]


def read_tokens(path: str | os.PathLike[str]) -> Tokens:
    """The tokens of a tokenizer's file.

    Raises
    ------
    FormatError
        When it is damaged or of a kind without a vocabulary.
    """
    name = os.fspath(path)
    try:
        with open(path, "rb") as stream:
            whole = json_object(name, "tokenizer", stream.read())
    except OSError as error:
        raise FormatError(f"cannot read {name}: {error.strerror or error}") from error
    try:
        vocab = whole["model"]["vocab"]
        pairs = [(token[0], row) for row, token in enumerate(vocab)] if isinstance(vocab, list) else list(vocab.items())
        added = [
            (token["content"], token["id"], bool(token.get("special"))) for token in whole.get("added_tokens") or []
        ]
        rows = [*((token, row) for token, row in pairs), *((token, row) for token, row, _ in added)]
        sound = all(
            isinstance(token, str) and type(row) is int and 0 <= row < 2 * len(rows) + 1000 for token, row in rows
        )
    except (KeyError, TypeError, IndexError, AttributeError):
        sound = False
    if not sound:
        raise FormatError(f"{name}: damaged: expected a tokenizer with a vocabulary of tokens and their rows")
    by_row: list[str | None] = [None] * (1 + max((row for _, row in rows), default=-1))
    for token, row in rows:
        by_row[row] = token
    special = frozenset(row for _, row, is_special in added if is_special)
    return Tokens(_as_words(by_row, special, _marks(whole)), special)


def _marks(whole: dict[str, Any]) -> str:
    """How pieces are marked: ``metaspace``, ``bytes`` or not at all."""
    kinds: set[str] = set()
    waiting = [whole.get("pre_tokenizer"), whole.get("decoder")]
    while waiting:
        part = waiting.pop()
        if isinstance(part, dict):
            kinds.add(str(part.get("type")))
            for key in ("pretokenizers", "decoders"):
                waiting += part[key] if isinstance(part.get(key), list) else []
    return "bytes" if "ByteLevel" in kinds else "metaspace" if "Metaspace" in kinds else ""


def _as_words(tokens: list[str | None], special: frozenset[int], marks: str) -> list[str | None]:
    """Tokens as words that can be asked for; one whose name would be another's stays as it is."""
    if not marks:
        return tokens
    start = "Ġ" if marks == "bytes" else "▁"
    characters = _byte_characters() if marks == "bytes" else {}
    found: list[str | None] = []
    for row, token in enumerate(tokens):
        if token is None or row in special:
            found.append(token)
            continue
        word = token.removeprefix(start)
        if characters and all(character in characters for character in word):
            word = bytes(characters[character] for character in word).decode("utf-8", "surrogateescape")
        found.append(word if token.startswith(start) else CONTINUES + word)
    taken: set[str] = set()
    for row, name in enumerate(found):
        if name is not None and (name in taken or not name):
            found[row] = tokens[row]
        if found[row] is not None:
            taken.add(str(found[row]))
    return found


def _byte_characters() -> dict[str, int]:
    """The printable character that byte-level BPE writes for each byte (Radford et al. 2019, section 2.2), and back."""
    plain = [*range(33, 127), *range(161, 173), *range(174, 256)]
    others = [byte for byte in range(256) if byte not in set(plain)]
    return {chr(byte): byte for byte in plain} | {chr(256 + i): byte for i, byte in enumerate(others)}


def write_tokenizer(
    path: str | os.PathLike[str], words: Sequence[str], unknown: str, padding: str, tokenizer: str, lowercase: bool
) -> None:
    """Write a tokenizer of whole words.

    Parameters
    ----------
    path : path
    words : sequence of str
        By row, with `unknown` and `padding` among them.
    unknown, padding : str
        What stands for a word that is not there, and behind the end of a short text.
    tokenizer : str
        How text is cut, one of `embedkit.text.tokenizers.TOKENIZERS`.
    lowercase : bool

    Raises
    ------
    EmbedkitError
        When the package is not installed.
    """
    try:
        from tokenizers import Regex, Tokenizer, models, normalizers, pre_tokenizers
    except ImportError as error:
        raise EmbedkitError("static-embedding needs the package tokenizers: pip install 'embedkit[static]'") from error
    made = Tokenizer(models.WordLevel({word: row for row, word in enumerate(words)}, unk_token=unknown))
    steps: list[Any] = [normalizers.NFC()] if tokenizer == "words" else []
    if lowercase or tokenizer == "words":
        steps.append(normalizers.Lowercase())
    if tokenizer in ("words", "chars"):
        patterns = word_patterns() if tokenizer == "words" else character_patterns()
        dropped, blank, token = (Regex(_oniguruma(pattern)) for pattern in patterns)
        steps += [normalizers.Replace(dropped, ""), normalizers.Replace(blank, " ")]
        if tokenizer == "words":
            steps.append(normalizers.Replace("’", "'"))
        made.pre_tokenizer = pre_tokenizers.Split(token, "removed", invert=True)
    else:
        steps.append(normalizers.Replace(Regex(_oniguruma(BARE_PATTERN)), ""))
        made.pre_tokenizer = pre_tokenizers.WhitespaceSplit()
    made.normalizer = normalizers.Sequence(steps)
    made.add_special_tokens([unknown, padding])
    made.save(os.fspath(path), pretty=False)


def _oniguruma(pattern: str) -> str:
    """A pattern of Python's `re` as the package tokenizers has it: other escapes, and letters without ``\\p{Pc}``."""
    escaped = re.sub(r"\\(?:x([0-9a-f]{2})|u([0-9a-f]{4})|U([0-9a-f]{8}))", r"\\x{\1\2\3}", pattern)
    return escaped.replace(r"\w", r"\p{L}\p{N}_")
