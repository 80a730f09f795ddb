"""Write the bundled corpora and their questions: ``python -m corpora.make [FOLDER]``.

The same bytes wherever and whenever it runs; `tests/test_corpora.py` holds it to that.
"""

from __future__ import annotations

import sys
from pathlib import Path

from corpora import english, korean, pairs, reviews

HERE = Path(__file__).parent


def texts() -> dict[str, str]:
    """Return the content of each file by its name."""
    contents = {
        "en.txt": english.sentences(),
        "en_questions.txt": english.analogies(),
        "ko.txt": korean.sentences(),
        "ko_questions.txt": korean.analogies(),
        "en_reviews.tsv": reviews.lines("en"),
        "ko_reviews.tsv": reviews.lines("ko"),
        "en_ko.tsv": pairs.pairs(),
        "en_tags.tsv": pairs.tagged(),
    }
    return {name: "\n".join(lines) + "\n" for name, lines in contents.items()}


def main(folder: Path = HERE) -> None:
    """Write the files into `folder`, by default beside this script."""
    for name, content in texts().items():
        (folder / name).write_bytes(content.encode("utf-8"))
        print(f"{folder / name}: {len(content.splitlines()):,} lines, {len(content.encode('utf-8')):,} bytes")


if __name__ == "__main__":
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else HERE)
