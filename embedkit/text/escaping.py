r"""Hostile characters, made visible: what may reach a terminal, a line of TSV, a picture or a page.

Words come from files of strangers. A word that holds an escape sequence could colour, hide or rewrite what the reader
sees; one that holds a tab or a line feed would forge a column or a row. Both are written as escapes:

====================================================  ==================
tab, line feed, carriage return                       ``\t \n \r``
the other control characters below U+0080             ``\x1b``
those from U+0080 to U+009F                           ``\u009b``
line and paragraph separators, bidirectional          ``\u2028 \u202e``
embeddings, overrides and isolates
bytes that are not UTF-8 (lone surrogates)            ``\xff``
====================================================  ==================

A backslash stays as it is, so that ordinary words that hold one are found again; JSON carries every word exactly.
"""

from __future__ import annotations

import json
import re
from typing import Any

_INVISIBLE = "\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069"
_HOSTILE = re.compile(f"[\x00-\x1f{_INVISIBLE}\ud800-\udfff]")
_HOSTILE_BUT_BYTES = re.compile(f"[\x00-\x1f{_INVISIBLE}\ud800-\udc7f\udd00-\udfff]")
_LEFT_BY_JSON = re.compile(f"[{_INVISIBLE}\ud800-\udfff]")
_SHORT = {"\t": r"\t", "\n": r"\n", "\r": r"\r"}


def escape(text: str, *, keep_bytes: bool = False) -> str:
    r"""`text` in one line without control characters; see the module's table.

    Parameters
    ----------
    text : str
    keep_bytes : bool, default False
        Leave bytes that are not UTF-8, kept as surrogates U+DC80 to U+DCFF, for a stream that writes them as they
        were.

    Examples
    --------
    >>> print(escape("a\tb\x1b[31m"))
    a\tb\x1b[31m
    """
    return (_HOSTILE_BUT_BYTES if keep_bytes else _HOSTILE).sub(_escaped, text)


def to_json(value: Any, **options: Any) -> str:
    """JSON in one line of valid UTF-8 without control characters, which reads back as the same value.

    Parameters
    ----------
    value
        What `json.dumps` takes.
    **options
        For `json.dumps`.
    """
    text = json.dumps(value, ensure_ascii=False, **options)
    return _LEFT_BY_JSON.sub(lambda match: f"\\u{ord(match[0]):04x}", text)


def _escaped(match: re.Match[str]) -> str:
    character = match[0]
    code = ord(character)
    if character in _SHORT:
        return _SHORT[character]
    if 0xDC80 <= code <= 0xDCFF:
        return f"\\x{code - 0xDC00:02x}"
    return f"\\x{code:02x}" if code < 0x80 else f"\\u{code:04x}"
