"""The tags of Kiwi, which are those of the Sejong corpus and some of its own (https://github.com/bab2min/kiwipiepy)."""

from __future__ import annotations

# Those of morphemes, those that a user dictionary may give a meaning, and what stands for what is not Korean.
TAGS = (
    *("NNG", "NNP", "NNB", "NR", "NP", "VV", "VA", "VX", "VCP", "VCN", "MM", "MAG", "MAJ", "IC"),
    *("JKS", "JKC", "JKG", "JKO", "JKB", "JKV", "JKQ", "JX", "JC", "EP", "EF", "EC", "ETN", "ETM"),
    *("XPN", "XSN", "XSV", "XSA", "XSM", "XR", "USER0", "USER1", "USER2", "USER3", "USER4", "Z_CODA"),
    *("SL", "SN", "SW"),
)
# What Kiwi does not take apart: symbols, foreign letters, digits, addresses, emoji, unknown letters.
_FOREIGN = (
    *("SB", "SE", "SF", "SH", "SO", "SP", "SS", "SSC", "SSO", "UN", "UNK", "Z_SIOT"),
    *("W_EMAIL", "W_EMOJI", "W_HASHTAG", "W_MENTION", "W_SERIAL", "W_URL"),
)
# The corpus's guesses (a noun, a verb, neither), which Kiwi takes for UN, and its own for any predicate.
_VAGUE = ("NF", "NV", "NA", "V")
# Those whose regular and irregular forms can be told apart.
_CONJUGATED = ("VV", "VA", "VX", "XSA")
_OF_DICTIONARIES = frozenset(
    (*TAGS, *_FOREIGN, *_VAGUE, *(f"{tag}-{kind}" for tag in _CONJUGATED for kind in ("R", "I")))
)


def is_tag(tag: str) -> bool:
    """Whether a user dictionary may hold a tag, as Kiwi reads it."""
    return tag in _OF_DICTIONARIES
