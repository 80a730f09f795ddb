"""The words of a corpus: counted, numbered, merged; the text as a stream of their numbers."""

from embedkit.vocabulary.vocabulary import Vocabulary

__all__ = ["Vocabulary"]
