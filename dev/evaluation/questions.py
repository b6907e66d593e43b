"""Questions with known answers, read from a JSON Lines file (see `dev/evaluation/questions/README.md`)."""

from pathlib import Path

import msgspec

PageKey = tuple[str, int]


class Place(msgspec.Struct, frozen=True):
    """Pages of a document, each of which has the evidence."""

    document: str
    pages: tuple[int, ...]
    evidence: str = ""

    def keys(self) -> frozenset[PageKey]:
        """The pages as keys of document and page."""
        return frozenset((self.document, page) for page in self.pages)


class Turn(msgspec.Struct, frozen=True):
    """An earlier question and its answer."""

    question: str
    answer: str


class Question(msgspec.Struct, frozen=True, kw_only=True):
    """`document` is None for a question that the documents do not answer. `history`: the turns before a follow-up."""

    id: str
    question: str
    language: str
    kind: str
    document: str | None = None
    pages: tuple[int, ...] = ()
    answer: str = ""
    evidence: str = ""
    note: str = ""
    also_ok: tuple[Place, ...] = ()
    all_of: tuple[Place, ...] = ()
    history: tuple[Turn, ...] = ()

    @property
    def answerable(self) -> bool:
        """Whether the documents have an answer."""
        return self.document is not None

    @property
    def asked(self) -> str:
        """The question with those before it."""
        return "\n".join([*(turn.question for turn in self.history), self.question])

    @property
    def needed(self) -> tuple[frozenset[PageKey], ...]:
        """The sets of pages, of each of which one must be found."""
        if self.document is None:
            return ()
        if self.all_of:
            return tuple(place.keys() for place in self.all_of)
        places = (Place(self.document, self.pages), *self.also_ok)
        return (frozenset[PageKey]().union(*(place.keys() for place in places)),)

    @property
    def evidences(self) -> tuple[Place, ...]:
        """All places with evidence."""
        if self.document is None:
            return ()
        return (*(self.all_of or (Place(self.document, self.pages, self.evidence),)), *self.also_ok)


def read_questions(path: Path) -> list[Question]:
    """Raises `msgspec.ValidationError` with the number of an invalid line."""
    questions = []
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        if line.strip():
            try:
                questions.append(msgspec.json.decode(line, type=Question))
            except msgspec.DecodeError as error:
                raise msgspec.ValidationError(f"{path.name}, line {number}: {error}") from error
    return questions
