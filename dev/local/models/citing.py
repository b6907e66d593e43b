"""
Answers from numbered sentences that cite the sentences' numbers.

This applies to requests whose schema has an object with a text and a list of integers that is named or described as
numbers of sentences, lines, or sources, and whose user turn has lines such as `[17] Leave is earned ...`. Tags on
separate lines (`<page document="..." page="4">`) divide the sentences into pages, most relevant first; text outside the
tags is the question.

SmolLM2 is not used. For 64 questions with the answer among the sentences, multilingual-e5-small and the word features
below rank a correct sentence first for 37 and among the first three for 55. SmolLM2 chose a correct one of six for 6 of
35, and 21 of its 22 generated answers were not supported by the sentence. So a claim quotes the sentence.
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
_QUESTION_LABEL = re.compile(r"^\s*(?:question|query|pergunta|pregunta|frage)\s*:\s*", re.I)
_NUMBERS_OF = re.compile(
    r"\b(?:sentence|source|line|citation|reference|passage|quote|evidence|frase|fonte|fuente|satz|quelle)(?:s|n)?\b",
    re.I,
)
_ANSWERED = re.compile(r"answer|found|support|cover|respond|respost|antwort", re.I)
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
_STOP_WORD = re.compile(
    r"(?:the|a|an|of|to|in|on|for|and|or|is|are|was|be|do|does|did|i|my|me|we|you|your|it|its|this|that|at|by|with|"
    r"from|as|if|can|how|many|much|what|which|when|who|whom|where|why|long|there|have|has|had|not|no|so|will|would|"
    r"should|may|must|get|am|they|their|he|she|up|out|about|before|after|than|into|o|os|um|uma|de|da|dos|das|e|em|"
    r"na|nos|nas|que|qual|quais|quem|quando|quanto|quanta|quantos|quantas|como|por|para|pela|pelo|com|sem|eu|meu|"
    r"minha|se|tem|ter|ser|sao|foi|mais|ao|aos)"
)

# Weights in units of cosine, fitted on halves of 80 questions about 14 documents and rounded.
_NEIGHBORS = 0.25
_LATER_PAGE = 0.003
_FIGURE_ASKED = 0.03
_WORDS = 0.05
_OTHER_DOCUMENT = 0.02
_UNINFORMATIVE = 0.02
# Embeddings favor sentences in the question's language, whatever the content.
_OTHER_LANGUAGE = 0.02
# The minimum score of an answer's best sentence. The halves gave 1.056 and 1.059; on the respective other half these
# classify 31 of 34 and 32 of 35 answerable questions correctly, and 5 of 6 and 4 of 5 unanswerable ones.
_MIN_SCORE = 1.06
_MAX_CLAIMS = 3
# Further sentences need a score close to the best one: about two claims on average.
_MAX_DISTANCE = 0.03
# Longer sentences are truncated for scoring: a call embeds up to eighty sentences.
_SCORED_CHARACTERS = 320
_SHOWN_CHARACTERS = 300
_QUESTION_CHARACTERS = 600


@dataclass(frozen=True)
class Sentence:
    """One numbered sentence. `page` counts the tagged parts from 0; `label` is the part's opening tag."""

    number: int
    text: str
    page: int = 0
    label: str = ""

    @property
    def quote(self) -> str:
        """The quoted text: unescaped, and cut at a word if very long."""
        text = self.text.replace("&lt;", "<")
        if len(text) <= _SHOWN_CHARACTERS:
            return text
        return text[: _SHOWN_CHARACTERS - 1].rsplit(" ", 1)[0] + "…"


@dataclass(frozen=True)
class Numbered:
    """A user turn: the sentences in order, and the question."""

    sentences: list[Sentence] = field(default_factory=list)
    question: str = ""


def read(blocks: list[str]) -> Numbered | None:
    """Parses one turn's text blocks; None without numbered lines."""
    sentences: list[Sentence] = []
    question_parts: list[str] = []
    page = -1
    for block in blocks:
        page, block_sentences, rest = _block(block, page)
        sentences += block_sentences
        question_parts.append(rest)
    if not sentences:
        return None
    unique = {sentence.number: sentence for sentence in reversed(sentences)}
    ordered = [sentence for sentence in sentences if unique[sentence.number] is sentence]
    question = _QUESTION_LABEL.sub("", " ".join(" ".join(question_parts).split()))
    return Numbered(ordered, question[-_QUESTION_CHARACTERS:])


def _block(block: str, page: int) -> tuple[int, list[Sentence], str]:
    """Returns the last page's number, the sentences, and the text outside of them."""
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
            # The sentence continues on this line.
            last = sentences.pop()
            sentences.append(Sentence(last.number, f"{last.text} {line}", last.page, last.label))
        else:
            inside = False
            rest.append(_TAGS.sub(" ", line))
    return page, sentences, " ".join(rest)


def fields(schema: Schema) -> tuple[str, str] | None:
    """The names of an object's text and citation fields; None for an object without them."""
    properties: Mapping[str, Schema] = schema.get("properties") or {}
    texts = [name for name, part in properties.items() if part.get("type") == "string" and "enum" not in part]
    numbers = [name for name, part in properties.items() if _is_citation_list(name, part)]
    return (texts[0], numbers[0]) if texts and len(numbers) == 1 else None


def _is_citation_list(name: str, schema: Schema) -> bool:
    items = schema.get("items") or {}
    if schema.get("type") != "array" or items.get("type") != "integer":
        return False
    words = f"{reading.humanized(name)} {schema.get('description', '')} {items.get('description', '')}"
    return bool(_NUMBERS_OF.search(words))


def value_if_answered(name: str, schema: Schema) -> bool | None:
    """The value of a boolean field if the question is answered; None if the field is about something else."""
    words = f"{reading.humanized(name)} {schema.get('description', '')}"
    if not _ANSWERED.search(words):
        return None
    return not _NEGATIVE.match(reading.humanized(name))


def choose(numbered: Numbered, embedder: Embedder) -> list[Sentence]:
    """The sentences that answer the question, best first; none if no score is high enough."""
    if not numbered.question:
        return []
    scores = _scores(numbered, embedder)
    best = [int(index) for index in np.argsort(-scores, kind="stable")[:_MAX_CLAIMS]]
    if scores[best[0]] < _MIN_SCORE:
        return []
    return [numbered.sentences[index] for index in best if scores[index] >= scores[best[0]] - _MAX_DISTANCE]


def _scores(numbered: Numbered, embedder: Embedder) -> Vectors:
    """One score per sentence: similarity to the question and other features."""
    sentences, names = numbered.sentences, _names(numbered.sentences)
    vectors = embedder.passages([sentence.text[:_SCORED_CHARACTERS] for sentence in sentences])
    similarity = vectors @ embedder.queries([_without_names(numbered.question, names)])[0]
    named = set(_words(numbered.question)) & names
    language = reading.language(numbered.question)
    figure = bool(_SCALES.search(_folded(numbered.question)))
    scores = similarity + _NEIGHBORS * _around(similarity, sentences) + _WORDS * _shared(numbered, names)
    for index, sentence in enumerate(sentences):
        scores[index] -= _LATER_PAGE * min(sentence.page, 10)
        if figure and _FIGURE.search(_folded(sentence.text)):
            scores[index] += _FIGURE_ASKED
        if named and not named & set(_words(_title(sentence.label))):
            scores[index] -= _OTHER_DOCUMENT
        if _is_uninformative(sentence.text):
            scores[index] -= _UNINFORMATIVE
        if reading.language(sentence.text) != language:
            scores[index] += _OTHER_LANGUAGE
    return np.asarray(scores, dtype=np.float32)


def _around(similarity: Vectors, sentences: list[Sentence]) -> Vectors:
    """For each sentence, the mean similarity of its neighbors on the page, or its own without neighbors."""
    around = similarity.copy()
    for index, sentence in enumerate(sentences):
        neighbors = [
            similarity[neighbor]
            for neighbor in (index - 1, index + 1)
            if 0 <= neighbor < len(sentences) and sentences[neighbor].page == sentence.page
        ]
        if neighbors:
            around[index] = np.mean(neighbors)
    return around


def _shared(numbered: Numbered, names: set[str]) -> Vectors:
    """For each sentence, the share of the question's words in it, weighted by the words' rarity."""
    stems = [set(content_stems(sentence.text)) for sentence in numbered.sentences]
    question_stems = list(dict.fromkeys(content_stems(_without_names(numbered.question, names))))
    counts = Counter(stem for sentence_stems in stems for stem in sentence_stems)
    weights = {stem: float(np.log((len(stems) + 1) / (counts[stem] + 0.5))) for stem in question_stems}
    total = sum(weights.values()) or 1.0
    shares = [
        sum(weight for stem, weight in weights.items() if stem in sentence_stems) / total for sentence_stems in stems
    ]
    return np.array(shares, dtype=np.float32)


def _names(sentences: list[Sentence]) -> set[str]:
    """
    Proper names in the documents' titles, such as an employer's name.

    A name in both sentence and question increases their similarity, whatever the content. A word of a title is a name
    if no sentence has it in lowercase: `Leave` in `Leave Handbook` is not.
    """
    titles = {word for label in {sentence.label for sentence in sentences} for word in _words(_title(label))}
    common = {_folded(word) for sentence in sentences for word in re.findall(r"\b[^\W\d_A-Z]+\b", sentence.text)}
    return {word for word in titles if len(word) >= 3 and not word.isdigit() and word not in common}


def _without_names(question: str, names: set[str]) -> str:
    def without_names(word: re.Match[str]) -> str:
        return "" if _folded(re.sub(r"['\u2019]s$", "", word.group(0))) in names else word.group(0)

    shortened = " ".join(re.sub(r"\w+(?:['\u2019]s)?", without_names, question).split())
    return shortened if len(shortened) > 8 else question


def _title(label: str) -> str:
    """The document's title: the tag's first value, or the tag's text if it has no values."""
    quoted = re.search(r'"([^"]*)"', label)
    return quoted.group(1) if quoted else label.strip("<>/")


def _is_uninformative(sentence: str) -> bool:
    """Whether a sentence is a question of an FAQ, a heading, a footer, or an editorial note in parentheses."""
    if sentence.endswith("?") or re.search(r"\bPage \d+", sentence) or re.fullmatch(r"(?:\([^()]*\)\s*)+", sentence):
        return True
    return len(sentence) < 45 and not sentence.endswith((".", "!", ";")) and not re.search(r"\d", sentence)


def _folded(text: str) -> str:
    """Lowercase without accents."""
    return "".join(char for char in unicodedata.normalize("NFKD", text.lower()) if not unicodedata.combining(char))


def _words(text: str) -> list[str]:
    return re.findall(r"[^\W_]+", _folded(text))


def content_stems(text: str) -> list[str]:
    """Words without stop words, cut to five letters: `vacations` matches `vacation`, `férias` matches `ferias`."""
    words = [word for word in _words(text) if not _STOP_WORD.fullmatch(word) and (len(word) > 1 or word.isdigit())]
    return [word if word.isdigit() else word[:5] for word in words]
