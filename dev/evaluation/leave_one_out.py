"""`python -m dev.evaluation.leave_one_out FOLDER:QUESTIONS ...`: chooses the weight of words on all corpora but one.

For each corpus (a folder of documents, and a file of questions about them), the weight is the best for the others, so
the figures are of documents and questions that it was not chosen for. The last table compares each document with plain
chunks.
"""

import argparse
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean
from unittest.mock import patch

from dev.evaluation.compare import Bench, SearchResults, pages_of
from dev.evaluation.corpus import read_folder
from dev.evaluation.measures import Values, measure
from dev.evaluation.questions import PageKey, Question, read_questions
from dev.evaluation.report import Row, markdown_table
from lambda_src.hr_qa import ranking

WEIGHTS = (0.0, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 1.0)
_RECALL, _MRR = "recall@5", "mrr@10"


class Corpus:
    """A bench with its questions, and the searches' results for them."""

    def __init__(self, folder: Path, questions: Path) -> None:
        self.name = questions.stem
        self.questions = [each for each in read_questions(questions) if each.answerable]
        documents, _ = read_folder(folder)
        self._bench = Bench(documents, self.questions)
        self._results: Mapping[str, SearchResults] = {each.id: self._bench.find(each) for each in self.questions}

    def service(self, weight: float) -> dict[str, Values]:
        """The service's measures by question, with a weight of words."""
        with patch.object(ranking, "LEXICAL_WEIGHT", weight):
            return self._measured({key: pages_of([each.hit for each in r.ranked]) for key, r in self._results.items()})

    def plain(self) -> dict[str, Values]:
        """The measures of plain chunks by question."""
        return self._measured({each.id: self._bench.plain_chunks(each) for each in self.questions})

    def _measured(self, pages: Mapping[str, list[PageKey]]) -> dict[str, Values]:
        return {each.id: measure(pages[each.id], each.needed) for each in self.questions}


def best_weight(values: Mapping[float, Sequence[Mapping[str, Values]]]) -> float:
    """The weight with the best mean of recall and reciprocal rank over corpora, which count alike."""
    return max(values, key=lambda weight: fmean(_score(corpus) for corpus in values[weight]))


def _score(values: Mapping[str, Values]) -> float:
    return fmean((each[_RECALL] + each[_MRR]) / 2 for each in values.values())


def _figures(values: Sequence[Values]) -> tuple[str, str]:
    return f"{fmean(each[_RECALL] for each in values):.3f}", f"{fmean(each[_MRR] for each in values):.3f}"


def by_document(questions: Sequence[Question], values: Mapping[str, Values]) -> dict[str, list[Values]]:
    """The measures of the questions about each document."""
    groups: dict[str, list[Values]] = {}
    for question in questions:
        groups.setdefault(str(question.document), []).append(values[question.id])
    return groups


def main() -> None:
    """Prints both tables."""
    parser = argparse.ArgumentParser(prog="python -m dev.evaluation.leave_one_out", description=__doc__)
    parser.add_argument("corpora", nargs="+", metavar="FOLDER:QUESTIONS")
    corpora = []
    for argument in parser.parse_args().corpora:
        folder, _, questions = argument.rpartition(":")
        corpora.append(Corpus(Path(folder), Path(questions)))
    measured = {weight: [corpus.service(weight) for corpus in corpora] for weight in WEIGHTS}
    rows: list[Row] = [("corpus left out", "questions", "weight chosen on the others", _RECALL, _MRR, "plain", "")]
    documents: list[Row] = [("document", "questions", _RECALL, _MRR, "plain", "")]
    for position, corpus in enumerate(corpora):
        others = {weight: [*each[:position], *each[position + 1 :]] for weight, each in measured.items()}
        weight = best_weight(others) if len(corpora) > 1 else ranking.LEXICAL_WEIGHT
        values, plain = measured[weight][position], corpus.plain()
        shown = (*_figures(list(values.values())), *_figures(list(plain.values())))
        rows.append((corpus.name, str(len(values)), str(weight), *shown))
        plain_groups = by_document(corpus.questions, plain)
        for name, group in by_document(corpus.questions, values).items():
            documents.append((name, str(len(group)), *_figures(group), *_figures(plain_groups[name])))
    sys.stdout.write(f"{markdown_table(rows)}\n\n{markdown_table(documents)}\n")


if __name__ == "__main__":
    main()
