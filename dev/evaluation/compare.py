"""`python -m dev.evaluation.compare --documents DIR --questions FILE`: ways to find the page, side by side."""

import argparse
import json
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path

import msgspec

from dev.evaluation.bm25 import Bm25
from dev.evaluation.corpus import Read, hits_of, read_folder, search_terms, texts_to_embed
from dev.evaluation.embeddings import Vector, embed, nearest
from dev.evaluation.measures import Values, best_first, by_group, measure
from dev.evaluation.questions import PageKey, Question, read_questions
from dev.evaluation.report import Row, fill, markdown_table
from dev.local.paths import ROOT
from lambda_src.hr_qa.language import detect, terms
from lambda_src.hr_qa.ranking import Hit, Ranked, fuse, is_answerable

LIMIT = 50
# Beside the nearest, so many in other languages than the question's: a second search with a filter.
OTHER_LANGUAGES = 25
RANK_CONSTANT = 60
SHOWN = ("recall@1", "recall@5", "recall@10", "mrr@10")


class Found(msgspec.Struct, frozen=True):
    """What the searches give for one question. `elsewhere`: the nearest in other languages."""

    question: Question
    language: str
    dense: list[Hit]
    lexical: list[Hit]
    elsewhere: list[Hit]

    @property
    def ranked(self) -> list[Ranked]:
        """Fused as the service does."""
        return fuse(self.question.question, self.language, [*self.dense, *self.elsewhere], self.lexical)

    def fits(self, floor: float | None) -> bool:
        """Whether the service would ask the model."""
        return is_answerable(self.question.question, self.language, self.ranked, self.dense, floor)


class Bench:
    """All searches over one folder of documents."""

    def __init__(self, documents: list[Read], questions: Sequence[Question]) -> None:
        self._hits = hits_of(documents)
        pages = [(document, page) for document in documents for page in document.pages if page.has_text]
        self._page_keys = [(document.name, page.number) for document, page in pages]
        asked = [question.question for question in questions]
        vectors = embed([*texts_to_embed(documents), *(f"{doc.title}\n{page.text}" for doc, page in pages), *asked])
        self._chunk_vectors = vectors[: len(self._hits)]
        self._page_vectors = vectors[len(self._hits) : len(self._hits) + len(pages)]
        self._asked: dict[str, Vector] = dict(zip(asked, vectors[-len(asked) :], strict=True))
        self._by_terms = Bm25([search_terms(hit).split() for hit in self._hits])
        self._by_words = Bm25([_raw_words(f"{hit.title}\n{hit.heading}\n{hit.text}") for hit in self._hits])

    def find(self, question: Question) -> Found:
        """Both searches of the service."""
        language = detect(question.question)
        order = nearest(self._asked[question.question], self._chunk_vectors, len(self._hits))
        elsewhere = [pair for pair in order if language and self._hits[pair[0]].language not in ("", language)]
        lexical = self._by_terms.search(terms(question.question, language).split(), LIMIT)
        return Found(
            question,
            language,
            dense=self._scored(order[:LIMIT]),
            lexical=self._scored(lexical),
            elsewhere=self._scored(elsewhere[:OTHER_LANGUAGES]),
        )

    def whole_pages(self, question: Question) -> list[PageKey]:
        """Dense search over pages."""
        found = nearest(self._asked[question.question], self._page_vectors, LIMIT)
        return [self._page_keys[index] for index, _ in found]

    def raw_words(self, question: Question) -> list[PageKey]:
        """BM25 over lower-case words."""
        return pages_of(self._scored(self._by_words.search(_raw_words(question.question), LIMIT)))

    def _scored(self, found: Sequence[tuple[int, float]]) -> list[Hit]:
        return [msgspec.structs.replace(self._hits[index], score=score) for index, score in found]


def _raw_words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def pages_of(hits: Sequence[Hit]) -> list[PageKey]:
    """Each page where its best chunk is."""
    return best_first((hit.document, hit.page) for hit in hits)


def plain_fusion(found: Found) -> list[PageKey]:
    """Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009), both lists alike."""
    scores: dict[tuple[str, int], float] = {}
    pages: dict[tuple[str, int], PageKey] = {}
    for hits in (found.dense, found.lexical):
        for rank, hit in enumerate(hits, 1):
            scores[hit.key] = scores.get(hit.key, 0.0) + 1 / (RANK_CONSTANT + rank)
            pages[hit.key] = (hit.document, hit.page)
    return best_first(pages[key] for key in sorted(scores, key=lambda key: -scores[key]))


def rankings(bench: Bench, questions: Sequence[Question]) -> dict[str, dict[str, Values]]:
    """Way -> question -> measures."""
    found = {question.id: bench.find(question) for question in questions if question.answerable}
    ways: dict[str, Callable[[Found], list[PageKey]]] = {
        "whole pages, dense": lambda one: bench.whole_pages(one.question),
        "chunks, BM25 over raw words": lambda one: bench.raw_words(one.question),
        "chunks, BM25 over terms": lambda one: pages_of(one.lexical),
        "chunks, dense": lambda one: pages_of(one.dense),
        "chunks, plain RRF": plain_fusion,
        "ours": lambda one: pages_of([ranked.hit for ranked in one.ranked]),
    }
    return {
        name: {key: measure(way(one), one.question.needed) for key, one in found.items()} for name, way in ways.items()
    }


def refusals(bench: Bench, questions: Sequence[Question], floor: float | None) -> dict[str, list[str]]:
    """The ids that would be refused before the model: wrongly, and rightly."""
    refused = [question for question in questions if not bench.find(question).fits(floor)]
    return {
        "answerable": [question.id for question in refused if question.answerable],
        "unanswerable": [question.id for question in refused if not question.answerable],
    }


def suggested_floor(bench: Bench, questions: Sequence[Question]) -> float:
    """A little below the best score of every answerable question but one in fifty."""
    best = sorted(bench.find(question).dense[0].score for question in questions if question.answerable)
    return round(best[len(best) // 50] - 0.002, 3)


def table(questions: Sequence[Question], values: Mapping[str, Mapping[str, Values]]) -> str:
    """One block a group of questions, one line a way."""
    groups = {name: by_group(questions, of_way) for name, of_way in values.items()}
    width = max(map(len, groups))
    lines = []
    for group in next(iter(groups.values())):
        count = next(iter(groups.values()))[group][0]
        lines.append(f"{group} ({count})".ljust(width) + "".join(f"{name:>11}" for name in SHOWN))
        for way, found in groups.items():
            lines.append(way.ljust(width) + "".join(f"{found[group][1][name]:11.3f}" for name in SHOWN))
        lines.append("")
    return "\n".join(lines)


def markdown(questions: Sequence[Question], values: Mapping[str, Mapping[str, Values]]) -> str:
    """For the documentation: all measures over all questions, and the last one by kind and language."""
    groups = {name: by_group(questions, of_way) for name, of_way in values.items()}
    first = next(iter(groups.values()))
    others = sorted((group for group in first if group != "all"), key=lambda group: group.startswith("in "))
    overall: list[Row] = [(f"all {first['all'][0]} questions", *SHOWN)]
    by_kind: list[Row] = [(SHOWN[-1], *(f"{group} ({first[group][0]})" for group in others))]
    for way, found in groups.items():
        overall.append((way, *(f"{found['all'][1][name]:.3f}" for name in SHOWN)))
        by_kind.append((way, *(f"{found[group][1][SHOWN[-1]]:.3f}" for group in others)))
    return f"{markdown_table(overall)}\n\n{markdown_table(by_kind)}"


def main() -> None:
    """Prints the table and writes everything as JSON."""
    parser = argparse.ArgumentParser(prog="python -m dev.evaluation.compare", description=__doc__)
    parser.add_argument("--documents", type=Path, default=ROOT / "samples" / "handbooks")
    parser.add_argument("--questions", type=Path, default=ROOT / "dev" / "evaluation" / "questions" / "dev.jsonl")
    parser.add_argument("--output", type=Path, default=ROOT / ".cache" / "evaluation" / "comparison.json")
    parser.add_argument("--floor", type=float, help="the best score below which few words in common mean a refusal")
    parser.add_argument("--docs", type=Path, help="the page whose place for the comparison is filled")
    options = parser.parse_args()
    questions = read_questions(options.questions)
    documents, refused = read_folder(options.documents)
    bench = Bench(documents, questions)
    values = rankings(bench, questions)
    refusal = refusals(bench, questions, options.floor)
    print(table(questions, values))
    if options.docs:
        fill(options.docs, "comparison", markdown(questions, values))
    answerable = sum(question.answerable for question in questions)
    print(f"refused before the model: {len(refusal['answerable'])} of {answerable} answerable,", end=" ")
    print(f"{len(refusal['unanswerable'])} of {len(questions) - answerable} unanswerable")
    print(f"these questions' floor: {suggested_floor(bench, questions)}")
    result = {
        "documents": {document.name: len(document.chunks) for document in documents},
        "unreadable": refused,
        "groups": {name: by_group(questions, of_way) for name, of_way in values.items()},
        "questions": values,
        "refused": refusal,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stderr.write(f"written to {options.output}\n")


if __name__ == "__main__":
    main()
