"""Korean particles and endings, chosen by the last sound of the word they join."""

from __future__ import annotations

FIRST_SYLLABLE, N_FINALS = 0xAC00, 28
NO_FINAL, N, L, SS = 0, 4, 8, 20   # positions in the order of final consonants

# What follows a final consonant: what follows a vowel.
PARTICLES = {"은": "는", "이": "가", "을": "를", "과": "와", "으로": "로", "이다": "다", "이나": "나"}


def final(word: str) -> int:
    """Return which final consonant the last syllable of `word` has, 0 for none."""
    return (ord(word[-1]) - FIRST_SYLLABLE) % N_FINALS


def with_final(word: str, consonant: int) -> str:
    """Return `word` with another final consonant (or none) in its last syllable."""
    return word[:-1] + chr(ord(word[-1]) - final(word) + consonant)


def join(word: str, particle: str) -> str:
    """Return `word` with `particle`, in the form it has after a consonant: (서울, 으로) gives 서울로."""
    if particle not in PARTICLES:
        return word + particle
    vowel_like = final(word) == NO_FINAL or (particle == "으로" and final(word) == L)
    return word + (PARTICLES[particle] if vowel_like else particle)


def forms(stem: str, infinitive: str, linking: str, is_verb: bool = True) -> dict[str, str]:
    """Return the forms of a verb or adjective by their endings.

    Parameters
    ----------
    stem : str
        The dictionary form without its -다.
    infinitive : str
        The form that -서 and -ㅆ다 join (써, 들어, 도와).
    linking : str
        The form that -면 and -ㄴ join (쓰, 들으, 도우).
    is_verb : bool
        A verb's plain present ends in -는다, an adjective's is the dictionary form.
    """
    short = with_final(stem, NO_FINAL) if final(stem) == L else stem   # ㄹ falls before ㄴ
    attributive = short if final(stem) == L else linking
    result = {
        "다": stem + "다",
        "고": stem + "고",
        "지만": stem + "지만",
        "았다": with_final(infinitive, SS) + "다",
        "아서": infinitive + "서",
        "면": linking + "면",
        "ㄴ": with_final(attributive, N),
        "ㄹ": linking if final(stem) == L else with_final(linking, L),
    }
    if is_verb:
        result["는다"] = stem + "는다" if final(short) else with_final(short, N) + "다"
        result["는"] = short + "는"
        result["려고"] = linking + "려고"
    return result
