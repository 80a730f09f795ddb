"""Writes golden/floret, golden/spacy and golden/spacy_floret with floret 0.10 and spaCy 3.8."""

import json
import subprocess
import sys
from pathlib import Path

import floret
import numpy as np
from spacy.vectors import Vectors
from spacy.vocab import Vocab

HERE = Path(__file__).parent
TEXT = "the king and the queen saw 왕 여왕 in the old town new\n the man\n" * 200


def main():
    text = HERE / "text.txt"
    text.write_text(TEXT, encoding="utf-8")
    for mode, model in (("floret", "cbow"), ("fasttext", "skipgram")):
        trained = floret.train_unsupervised(
            str(text),
            mode=mode,
            model=model,
            dim=4,
            bucket=50,
            minn=2,
            maxn=3,
            hashCount=2,
            minCount=1,
            epoch=1,
            thread=1,
        )
        trained.save_model(str(HERE / "floret" / f"{mode}.bin"))
        vectors = {word: trained.get_word_vector(word).tolist() for word in [*trained.words, "unseen", "바다"]}
        (HERE / "floret" / f"{mode}.json").write_text(json.dumps(vectors, ensure_ascii=False), encoding="utf-8")
        if mode == "floret":
            trained.save_floret_vectors(str(HERE / "table.floret"))
    init = [sys.executable, "-m", "spacy", "init", "vectors", "en", "table.floret", "spacy_floret", "--mode", "floret"]
    subprocess.run(init, cwd=HERE, check=True)
    vocab = Vocab()
    vocab.vectors = Vectors(shape=(4, 4))
    rows = np.arange(16, dtype=np.float32).reshape(4, 4) / 7
    for i, word in enumerate(["king", "queen", "왕", "new york", "naïve"]):  # the last two share a row
        vocab.vectors.add(vocab.strings.add(word), vector=rows[i] if i < 4 else None, row=min(i, 3))
    vocab.to_disk(HERE / "spacy")


if __name__ == "__main__":
    main()
