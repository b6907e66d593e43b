"""`python -m dev.evaluation.compare --documents DIR --questions FILE`: compares retrieval methods."""

import argparse
import json
import re
import sys
import textwrap
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property
from pathlib import Path

import msgspec

from dev.evaluation.bm25 import Bm25
from dev.evaluation.corpus import ParsedDocument, hits_of, read_folder, texts_to_embed
from dev.evaluation.embeddings import Vector, embed, nearest
from dev.evaluation.measures import Values, best_first, by_group, measure
from dev.evaluation.questions import PageKey, Question, read_questions
from dev.evaluation.report import Row, fill, markdown_table
from dev.local.paths import ROOT
from lambda_src.hr_qa.index import CANDIDATES, MORE_CANDIDATES
from lambda_src.hr_qa.language import detect, terms
from lambda_src.hr_qa.ranking import Hit, Ranked, fuse, named_documents

# Characters of the simplest chunks, which tutorials use.
PLAIN = 500
RANK_CONSTANT = 60
SHOWN = ("recall@1", "recall@5", "recall@10", "mrr@10")


class SearchResults(msgspec.Struct, frozen=True):
    """The search results for one question. `more`: in other languages, and in `named` documents."""

    question: Question
    language: str
    dense: list[Hit]
    lexical: list[Hit]
    more: list[Hit]
    named: frozenset[str]

    @property
    def ranked(self) -> list[Ranked]:
        """The fused results, as in the service."""
        dense = {hit.key: hit for hit in (*self.more, *self.dense)}
        return fuse(self.language, list(dense.values()), self.lexical, self.named)


class Bench:
    """All search methods over one folder of documents."""

    def __init__(self, documents: list[ParsedDocument], questions: Sequence[Question]) -> None:
        self._hits = hits_of(documents)
        self._pages = [(document, page) for document in documents for page in document.pages if page.has_text]
        self._page_keys = [(document.name, page.number) for document, page in self._pages]
        self._titles = {document.name: document.title for document in documents}
        texts = texts_to_embed(documents)
        self._vectors = embed(texts)
        asked = [question.question for question in questions]
        self._question_vectors: dict[str, Vector] = dict(zip(asked, embed(asked), strict=True))
        words = [terms(text, hit.language) for text, hit in zip(texts, self._hits, strict=True)]
        self._by_terms = Bm25([each.split() for each in words])

    @cached_property
    def _page_vectors(self) -> list[Vector]:
        return embed([f"{document.title}\n{page.text}" for document, page in self._pages])

    @cached_property
    def _plain(self) -> tuple[list[PageKey], list[Vector]]:
        parts = [
            (key, part)
            for key, (_, page) in zip(self._page_keys, self._pages, strict=True)
            for part in textwrap.wrap(page.text, PLAIN)
        ]
        return [key for key, _ in parts], embed([part for _, part in parts])

    @cached_property
    def _by_words(self) -> Bm25:
        return Bm25([_raw_words(f"{hit.title}\n{hit.heading}\n{hit.text}") for hit in self._hits])

    def find(self, question: Question) -> SearchResults:
        """Runs the service's searches."""
        language = detect(question.question)
        order = nearest(self._question_vectors[question.question], self._vectors, len(self._hits))
        foreign = [pair for pair in order if language and self._hits[pair[0]].language not in ("", language)]
        named = named_documents(question.question, self._titles)
        of_named = [pair for pair in order if self._hits[pair[0]].document in named]
        lexical = self._by_terms.search(terms(question.question, language).split(), CANDIDATES)
        return SearchResults(
            question,
            language,
            dense=self._scored(order[:CANDIDATES]),
            lexical=self._scored(lexical),
            more=self._scored([*foreign[:MORE_CANDIDATES], *of_named[:MORE_CANDIDATES]]),
            named=named,
        )

    def complete_pages(self, question: Question) -> list[PageKey]:
        """Dense search over pages."""
        results = nearest(self._question_vectors[question.question], self._page_vectors, CANDIDATES)
        return [self._page_keys[index] for index, _ in results]

    def plain_chunks(self, question: Question) -> list[PageKey]:
        """Dense search over chunks of a fixed length."""
        keys, vectors = self._plain
        results = nearest(self._question_vectors[question.question], vectors, CANDIDATES)
        return best_first(keys[index] for index, _ in results)

    def raw_words(self, question: Question) -> list[PageKey]:
        """BM25 over lowercase words."""
        return pages_of(self._scored(self._by_words.search(_raw_words(question.question), CANDIDATES)))

    def _scored(self, results: Sequence[tuple[int, float]]) -> list[Hit]:
        return [msgspec.structs.replace(self._hits[index], score=score) for index, score in results]


def _raw_words(text: str) -> list[str]:
    return re.findall(r"\w+", text.lower())


def pages_of(hits: Sequence[Hit]) -> list[PageKey]:
    """The pages in the order of their best chunks."""
    return best_first((hit.document, hit.page) for hit in hits)


def plain_fusion(results: SearchResults) -> list[PageKey]:
    """Reciprocal rank fusion (Cormack, Clarke, Büttcher 2009) with equal weights."""
    scores: dict[tuple[str, int], float] = {}
    pages: dict[tuple[str, int], PageKey] = {}
    for hits in (results.dense, results.lexical):
        for rank, hit in enumerate(hits, 1):
            scores[hit.key] = scores.get(hit.key, 0.0) + 1 / (RANK_CONSTANT + rank)
            pages[hit.key] = (hit.document, hit.page)
    return best_first(pages[key] for key in sorted(scores, key=lambda key: -scores[key]))


def rankings(bench: Bench, questions: Sequence[Question]) -> dict[str, dict[str, Values]]:
    """Maps methods to questions to measures."""
    results = {question.id: bench.find(question) for question in questions if question.answerable}
    methods: dict[str, Callable[[SearchResults], list[PageKey]]] = {
        "complete pages, dense": lambda result: bench.complete_pages(result.question),
        "plain chunks of 500, dense": lambda result: bench.plain_chunks(result.question),
        "chunks, BM25 over raw words": lambda result: bench.raw_words(result.question),
        "chunks, BM25 over terms": lambda result: pages_of(result.lexical),
        "chunks, dense": lambda result: pages_of(result.dense),
        "chunks, plain RRF": plain_fusion,
        "service": lambda result: pages_of([ranked.hit for ranked in result.ranked]),
    }
    return {
        name: {key: measure(method(result), result.question.needed) for key, result in results.items()}
        for name, method in methods.items()
    }


def table(questions: Sequence[Question], values: Mapping[str, Mapping[str, Values]]) -> str:
    """One block per group of questions, one line per method."""
    groups = {name: by_group(questions, method_values) for name, method_values in values.items()}
    width = max(map(len, groups))
    lines = []
    for group in next(iter(groups.values())):
        count = next(iter(groups.values()))[group][0]
        lines.append(f"{group} ({count})".ljust(width) + "".join(f"{name:>11}" for name in SHOWN))
        for method, means in groups.items():
            lines.append(method.ljust(width) + "".join(f"{means[group][1][name]:11.3f}" for name in SHOWN))
        lines.append("")
    return "\n".join(lines)


def markdown(questions: Sequence[Question], values: Mapping[str, Mapping[str, Values]]) -> str:
    """For the documentation: all measures for all questions, and the last measure by kind and language."""
    groups = {name: by_group(questions, method_values) for name, method_values in values.items()}
    first = next(iter(groups.values()))
    others = sorted((group for group in first if group != "all"), key=lambda group: group.startswith("in "))
    overall: list[Row] = [(f"all {first['all'][0]} questions", *SHOWN)]
    by_kind: list[Row] = [(SHOWN[-1], *(f"{group} ({first[group][0]})" for group in others))]
    for method, means in groups.items():
        overall.append((method, *(f"{means['all'][1][name]:.3f}" for name in SHOWN)))
        by_kind.append((method, *(f"{means[group][1][SHOWN[-1]]:.3f}" for group in others)))
    return f"{markdown_table(overall)}\n\n{markdown_table(by_kind)}"


def main() -> None:
    """Prints the table and writes all results as JSON."""
    parser = argparse.ArgumentParser(prog="python -m dev.evaluation.compare", description=__doc__)
    parser.add_argument("--documents", type=Path, default=ROOT / "samples" / "handbooks")
    parser.add_argument("--questions", type=Path, default=ROOT / "dev" / "evaluation" / "questions" / "dev.jsonl")
    parser.add_argument("--output", type=Path, default=ROOT / ".cache" / "evaluation" / "comparison.json")
    parser.add_argument("--docs", type=Path, help="the Markdown page whose comparison is updated")
    options = parser.parse_args()
    questions = read_questions(options.questions)
    documents, refused = read_folder(options.documents)
    bench = Bench(documents, questions)
    values = rankings(bench, questions)
    print(table(questions, values))
    if options.docs:
        fill(options.docs, "comparison", markdown(questions, values))
    result = {
        "documents": {document.name: len(document.chunks) for document in documents},
        "unreadable": refused,
        "groups": {name: by_group(questions, method_values) for name, method_values in values.items()},
        "questions": values,
    }
    options.output.parent.mkdir(parents=True, exist_ok=True)
    options.output.write_text(json.dumps(result, indent=1) + "\n", encoding="utf-8")
    sys.stderr.write(f"wrote {options.output}\n")


if __name__ == "__main__":
    main()
