"""
Answers from numbered sentences, with the numbers of the sentences that say them.

A request is of this kind when its schema has an object of a text and a list of integers that is named or described as
numbers of sentences, lines or sources, and the user's turn holds lines such as `[17] Leave is earned ...`. Tags on
lines of their own (`<page document="..." page="4">`) part the sentences into pages, the best ones first; text outside
of them is the question.

SmolLM2 takes no part: of 64 questions whose answer was among the sentences, multilingual-e5-small with the words below
finds it with its first sentence for 37 and with three for 55; SmolLM2 chose a right one of six for 6 of 35, and of 22
answers in its own words 21 said what the sentence does not. So a claim is the sentence itself, in its language.
"""

import re
import unicodedata
from collections import Counter
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from dev.local.models import reading
from dev.local.models.runtimes import Embedder, Vectors

Schema = Mapping[str, Any]

_NUMBERED = re.compile(r"^\[(\d{1,6})\][ \t]+(\S.*)$")
_TAG = re.compile(r"^</?[A-Za-z][\w:-]*(?:\s[^<>]*)?/?>$")
_TAGS = re.compile(r"</?[A-Za-z][\w:-]*(?:\s[^<>]*)?/?>")
_CALLED = re.compile(r"^\s*(?:question|query|pergunta|pregunta|frage)\s*:\s*", re.I)
_NUMBERS_OF = re.compile(
    r"\b(?:sentence|source|line|citation|reference|passage|quote|evidence|frase|fonte|fuente|satz|quelle)(?:s|n)?\b",
    re.I,
)
_SAYS_WHETHER = re.compile(r"answer|found|support|cover|respond|respost|antwort", re.I)
_NEGATIVE = re.compile(r"^(?:un(?:answer|found|support|cover)|(?:is )?not? |refus|missing)", re.I)
_SCALES = re.compile(
    r"\b(?:how (?:many|much|long|fast|big|soon|old|often|far)|what (?:share|percent\w*|number|amount|rate|date|time)|"
    r"when|maximum|minimum|most|least|(?:which|what) (?:date|month|day|year)|"
    r"quant[oa]s?|quando|que (?:dia|data|mes)|cuant[oa]s?|cuando|wie ?viele?|wann)\b"
)
_FIGURE = re.compile(
    r"\d|\b(?:one|two|three|four|five|six|seven|eight|nine|ten|twelve|january|february|march|april|may|june|july|august|"
    r"september|october|november|december|um|uma|dois|duas|tres|quatro|cinco|seis|sete|oito|nove|dez|janeiro|fevereiro|"
    r"marco|abril|maio|junho|julho|agosto|setembro|outubro|novembro|dezembro)\b"
)
_SMALL = re.compile(
    r"(?:the|a|an|of|to|in|on|for|and|or|is|are|was|be|do|does|did|i|my|me|we|you|your|it|its|this|that|at|by|with|"
    r"from|as|if|can|how|many|much|what|which|when|who|whom|where|why|long|there|have|has|had|not|no|so|will|would|"
    r"should|may|must|get|am|they|their|he|she|up|out|about|before|after|than|into|o|os|um|uma|de|da|dos|das|e|em|"
    r"na|nos|nas|que|qual|quais|quem|quando|quanto|quanta|quantos|quantas|como|por|para|pela|pelo|com|sem|eu|meu|"
    r"minha|se|tem|ter|ser|sao|foi|mais|ao|aos)"
)

# Weights in units of cosine, learned on halves of 80 questions over 14 documents and rounded.
_NEIGHBOURS = 0.25
_LATER_PAGE = 0.003
_FIGURE_ASKED = 0.03
_WORDS = 0.05
_OTHER_DOCUMENT = 0.02
_SAYS_NOTHING = 0.02
# A sentence is nearer to a question in its own language, whatever it says.
_OTHER_LANGUAGE = 0.02
# The best sentence of an answer scores this at least. The halves gave 1.056 and 1.059; tried on the other half they
# find 31 of 34 and 32 of 35 answerable questions, and 5 of 6 and 4 of 5 unanswerable ones.
_ANSWERS = 1.06
_MAX_CLAIMS = 3
# A further sentence is taken when it is nearly as good as the best: about two claims on average.
_NEARLY = 0.03
# A longer sentence is judged by its beginning: eighty sentences are read within the call.
_READ_CHARACTERS = 320
_SHOWN_CHARACTERS = 300
_QUESTION_CHARACTERS = 600


@dataclass(frozen=True)
class Sentence:
    """One numbered sentence. `page` counts the tagged parts from 0; `label` is its opening tag."""

    number: int
    text: str
    page: int = 0
    label: str = ""

    @property
    def shown(self) -> str:
        """Cut at a word when very long, and as it was before it was kept from opening a tag."""
        text = self.text.replace("&lt;", "<")
        if len(text) <= _SHOWN_CHARACTERS:
            return text
        return text[: _SHOWN_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"


@dataclass(frozen=True)
class Numbered:
    """A user's turn: the sentences in their order, and what is asked about them."""

    sentences: list[Sentence] = field(default_factory=list)
    question: str = ""


def read(blocks: list[str]) -> Numbered | None:
    """The sentences and the question of one turn's text blocks; None where no line is numbered."""
    sentences: list[Sentence] = []
    asked: list[str] = []
    page = -1
    for block in blocks:
        page, found, rest = _block(block, page)
        sentences += found
        asked.append(rest)
    if not sentences:
        return None
    unique = {sentence.number: sentence for sentence in reversed(sentences)}
    ordered = [sentence for sentence in sentences if unique[sentence.number] is sentence]
    question = _CALLED.sub("", " ".join(" ".join(asked).split()))
    return Numbered(ordered, question[-_QUESTION_CHARACTERS:])


def _block(block: str, page: int) -> tuple[int, list[Sentence], str]:
    """The last page's number, the sentences, and the text between them that belongs to none."""
    sentences: list[Sentence] = []
    rest: list[str] = []
    label, inside = "", False
    for line in (line.strip() for line in block.splitlines()):
        numbered = _NUMBERED.match(line)
        if _TAG.match(line):
            closes = line.startswith("</")
            page, label, inside = (page, "", False) if closes else (page + 1, line, False)
        elif numbered:
            sentences.append(Sentence(int(numbered.group(1)), numbered.group(2), max(page, 0), label))
            inside = True
        elif line and inside:
            # A sentence that goes on in the next line.
            last = sentences.pop()
            sentences.append(Sentence(last.number, f"{last.text} {line}", last.page, last.label))
        else:
            inside = False
            rest.append(_TAGS.sub(" ", line))
    return page, sentences, " ".join(rest)


def fields(schema: Schema) -> tuple[str, str] | None:
    """The names of an object's text and of its numbers of sentences; None for an object of another kind."""
    properties: Mapping[str, Schema] = schema.get("properties") or {}
    texts = [name for name, part in properties.items() if part.get("type") == "string" and "enum" not in part]
    numbers = [name for name, part in properties.items() if _are_numbers_of_sentences(name, part)]
    return (texts[0], numbers[0]) if texts and len(numbers) == 1 else None


def _are_numbers_of_sentences(name: str, schema: Schema) -> bool:
    items = schema.get("items") or {}
    if schema.get("type") != "array" or items.get("type") != "integer":
        return False
    told = f"{reading.humanised(name)} {schema.get('description', '')} {items.get('description', '')}"
    return bool(_NUMBERS_OF.search(told))


def says_whether(name: str, schema: Schema) -> bool | None:
    """What a boolean is when there is an answer; None when it is about something else."""
    told = f"{reading.humanised(name)} {schema.get('description', '')}"
    if not _SAYS_WHETHER.search(told):
        return None
    return not _NEGATIVE.match(reading.humanised(name))


def choose(numbered: Numbered, embedder: Embedder) -> list[Sentence]:
    """The few sentences that answer the question, the best first; none when nothing fits."""
    if not numbered.question:
        return []
    scores = _scores(numbered, embedder)
    best = [int(index) for index in np.argsort(-scores, kind="stable")[:_MAX_CLAIMS]]
    if scores[best[0]] < _ANSWERS:
        return []
    return [numbered.sentences[index] for index in best if scores[index] >= scores[best[0]] - _NEARLY]


def _scores(numbered: Numbered, embedder: Embedder) -> Vectors:
    """One score a sentence: nearness to the question, and what else speaks for it or against it."""
    sentences, names = numbered.sentences, _names(numbered.sentences)
    vectors = embedder.passages([sentence.text[:_READ_CHARACTERS] for sentence in sentences])
    near = vectors @ embedder.queries([_nameless(numbered.question, names)])[0]
    asked = set(_words(numbered.question)) & names
    language = reading.language(numbered.question)
    figure = bool(_SCALES.search(_folded(numbered.question)))
    scores = near + _NEIGHBOURS * _around(near, sentences) + _WORDS * _shared(numbered, names)
    for index, sentence in enumerate(sentences):
        scores[index] -= _LATER_PAGE * min(sentence.page, 10)
        if figure and _FIGURE.search(_folded(sentence.text)):
            scores[index] += _FIGURE_ASKED
        if asked and not asked & set(_words(_title(sentence.label))):
            scores[index] -= _OTHER_DOCUMENT
        if _says_nothing(sentence.text):
            scores[index] -= _SAYS_NOTHING
        if reading.language(sentence.text) != language:
            scores[index] += _OTHER_LANGUAGE
    return np.asarray(scores, dtype=np.float32)


def _around(near: Vectors, sentences: list[Sentence]) -> Vectors:
    """For each sentence the mean nearness of those beside it on its page; alone, its own."""
    around = near.copy()
    for index, sentence in enumerate(sentences):
        beside = [
            near[other]
            for other in (index - 1, index + 1)
            if 0 <= other < len(sentences) and sentences[other].page == sentence.page
        ]
        if beside:
            around[index] = np.mean(beside)
    return around


def _shared(numbered: Numbered, names: set[str]) -> Vectors:
    """For each sentence the part of the question's words that it has; a word of few sentences counts more."""
    stems = [set(_stems(sentence.text)) for sentence in numbered.sentences]
    asked = list(dict.fromkeys(_stems(_nameless(numbered.question, names))))
    counts = Counter(stem for found in stems for stem in found)
    weights = {stem: float(np.log((len(stems) + 1) / (counts[stem] + 0.5))) for stem in asked}
    total = sum(weights.values()) or 1.0
    shares = [sum(weight for stem, weight in weights.items() if stem in found) / total for found in stems]
    return np.array(shares, dtype=np.float32)


def _names(sentences: list[Sentence]) -> set[str]:
    """
    The documents' own words, such as an employer's name.

    A sentence with the name is nearer to a question with the name, whatever it says. A word of a title counts as a name
    when no sentence has it in small letters: not `Leave` of `Leave Handbook`.
    """
    titles = {word for label in {sentence.label for sentence in sentences} for word in _words(_title(label))}
    common = {_folded(word) for sentence in sentences for word in re.findall(r"\b[^\W\d_A-Z]+\b", sentence.text)}
    return {word for word in titles if len(word) >= 3 and not word.isdigit() and word not in common}


def _nameless(question: str, names: set[str]) -> str:
    def kept(word: re.Match[str]) -> str:
        return "" if _folded(re.sub(r"['\u2019]s$", "", word.group(0))) in names else word.group(0)

    left = " ".join(re.sub(r"\w+(?:['\u2019]s)?", kept, question).split())
    return left if len(left) > 8 else question


def _title(label: str) -> str:
    """The document's: a tag's first value, or all of it where it has none."""
    quoted = re.search(r'"([^"]*)"', label)
    return quoted.group(1) if quoted else label.strip("<>/")


def _says_nothing(sentence: str) -> bool:
    """A question of an FAQ, a heading, a page's foot, a law's note on its own text."""
    if sentence.endswith("?") or re.search(r"\bPage \d+", sentence) or re.fullmatch(r"(?:\([^()]*\)\s*)+", sentence):
        return True
    return len(sentence) < 45 and not sentence.endswith((".", "!", ";")) and not re.search(r"\d", sentence)


def _folded(text: str) -> str:
    """Small letters without accents."""
    return "".join(sign for sign in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(sign))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", _folded(text))


def _stems(text: str) -> list[str]:
    """The telling words, cut to five letters: `vacations` is `vacation`, `férias` is `ferias`."""
    words = [word for word in _words(text) if not _SMALL.fullmatch(word) and (len(word) > 1 or word.isdigit())]
    return [word if word.isdigit() else word[:5] for word in words]
