"""BM25 with Lucene's formula, over lists of words."""

import math
from collections import Counter, defaultdict
from collections.abc import Sequence

K1 = 1.2
B = 0.75


class Bm25:
    """An index of texts, each a list of words."""

    def __init__(self, texts: Sequence[Sequence[str]]) -> None:
        self._lengths = [len(words) for words in texts]
        self._average = sum(self._lengths) / max(1, len(texts))
        self._postings: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for index, words in enumerate(texts):
            for word, count in Counter(words).items():
                self._postings[word].append((index, count))

    def search(self, words: Sequence[str], limit: int) -> list[tuple[int, float]]:
        """Indexes and scores of texts that share a word with the query, best first."""
        scores: dict[int, float] = defaultdict(float)
        for word, repeats in Counter(words).items():
            postings = self._postings.get(word, ())
            weight = math.log(1 + (len(self._lengths) - len(postings) + 0.5) / (len(postings) + 0.5))
            for index, count in postings:
                norm = K1 * (1 - B + B * self._lengths[index] / self._average)
                scores[index] += repeats * weight * count / (count + norm)
        return sorted(scores.items(), key=lambda pair: (-pair[1], pair[0]))[:limit]
