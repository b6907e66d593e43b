"""
Answers that match a JSON schema, extracted from the user's text.

A model with 135 million parameters invents facts when it fills in a form. So each field takes the sentences of the
user's text that are most similar to its name and description (multilingual-e5-small), with the help of a small
vocabulary for common field names. The result depends on schema and text only, not on the project's prompts. SmolLM2
generates titles only, which are used if all their words are in the text. `citing` handles numbered sentences,
`following` follow-up questions, and `explaining` the reasons of a score.
"""

import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from dev.local.models import citing, explaining, following, reading
from dev.local.models.citing import Numbered, Sentence
from dev.local.models.runtimes import Embedder, Runtimes, Vectors

Schema = Mapping[str, Any]
_NOT_STATED = "Not stated."
# Minimum similarity above the mean of all fields for a sentence to match a field without a vocabulary.
_MIN_SIMILARITY = 0.02
_MAX_ITEMS = 6


class Filler:
    """Fills schemas with the models; stateless."""

    def __init__(self, runtimes: Runtimes) -> None:
        self._runtimes = runtimes

    def fill(
        self, schema: Schema, text: str, images: list[str], instructions: str, numbered: Numbered | None = None
    ) -> Any:
        """
        Returns a value that is valid against the schema.

        :param images: descriptions of the user's images.
        :param instructions: the system prompt; only the number of lines is used.
        :param numbered: the user's numbered sentences, if any.
        """
        if (question := following.complete(schema, text)) is not None:
            return question
        if (letter := explaining.explain(schema, text)) is not None:
            return letter
        source = reading.source(text)
        sentences = [*reading.sentences(source), *(part for image in images for part in reading.sentences(image))]
        if not sentences:
            sentences = [_NOT_STATED]
        parsed = _Source(self._runtimes, source, sentences, instructions, numbered)
        return _Form(parsed, schema).value(schema, "", required=True)


class _Source:
    """The user's text, parsed once."""

    def __init__(
        self, runtimes: Runtimes, text: str, sentences: list[str], instructions: str, numbered: Numbered | None
    ) -> None:
        self.runtimes = runtimes
        self.text = text
        self.sentences = sentences
        self.instructions = instructions
        self.numbered = numbered

    @cached_property
    def vectors(self) -> Vectors:
        return self.runtimes.embedder.passages(self.sentences)

    @cached_property
    def chosen(self) -> list[Sentence]:
        """The numbered sentences that answer the question."""
        return citing.choose(self.numbered, self.embedder) if self.numbered else []

    @property
    def embedder(self) -> Embedder:
        return self.runtimes.embedder

    def central(self, count: int) -> list[str]:
        """The most representative and informative sentences, with a preference for early ones, in order."""
        mean = self.vectors.mean(axis=0)
        scores = self.vectors @ mean / max(float(np.linalg.norm(mean)), 1e-9)
        scores = scores + np.linspace(0.03, 0.0, len(self.sentences), dtype=np.float32)
        scores = scores + np.array([reading.weight(sentence) for sentence in self.sentences], dtype=np.float32)
        best = sorted(np.argsort(-scores)[:count].tolist())
        return [self.sentences[index] for index in best]


class _Form:
    """One schema and the sentences assigned to its lists."""

    def __init__(self, source: _Source, root: Schema) -> None:
        self._source = source
        self._root = root
        self._lists = self._assign_sentences(self._deref(root))
        self._cites = source.numbered is not None and self._has_claims(root, 0)

    def value(self, schema: Schema, name: str, *, required: bool) -> Any:
        """A valid value for a part of the schema; None for an optional part without a value."""
        schema = self._deref(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(schema, name)
        json_type = _type(schema)
        if json_type == "object":
            return self._object(schema)
        if json_type == "array":
            return self._array(schema, name)
        if json_type == "string":
            return self._text(schema, name, required=required)
        if json_type in ("integer", "number"):
            return self._number(schema, json_type)
        return self._boolean(schema, name) if json_type == "boolean" else None

    def _boolean(self, schema: Schema, name: str) -> bool:
        answered = citing.value_if_answered(name, schema) if self._cites else None
        return False if answered is None else bool(self._source.chosen) == answered

    def _has_claims(self, schema: Schema, depth: int) -> bool:
        """Whether the schema has citations anywhere. `depth` limits recursive schemas."""
        schema = self._deref(schema)
        parts = [*(schema.get("properties") or {}).values(), *([schema["items"]] if schema.get("items") else [])]
        return bool(self._claim(schema)) or (depth < 5 and any(self._has_claims(part, depth + 1) for part in parts))

    def _claim(self, schema: Schema) -> tuple[str, str] | None:
        properties = {name: self._deref(part) for name, part in (schema.get("properties") or {}).items()}
        return citing.fields({"properties": properties}) if self._source.numbered else None

    def _deref(self, schema: Schema) -> Schema:
        while "$ref" in schema:
            target: Any = self._root
            for part in str(schema["$ref"]).lstrip("#/").split("/"):
                target = target.get(part, {})
            schema = {**target, **{key: value for key, value in schema.items() if key != "$ref"}}
        for key in ("anyOf", "oneOf"):
            options = [option for option in schema.get(key) or [] if option.get("type") != "null"]
            if options:
                rest = {name: value for name, value in schema.items() if name != key}
                return self._deref({**rest, **options[0]})
        return schema

    def _object(self, schema: Schema, sentences: list[Sentence] | None = None) -> dict[str, Any]:
        """:param sentences: the claim's sentences; by default all chosen sentences."""
        required = set(schema.get("required") or [])
        claim = self._claim(schema)
        result: dict[str, Any] = (
            self._claimed(schema, claim, self._source.chosen if sentences is None else sentences) if claim else {}
        )
        for name, part in (schema.get("properties") or {}).items():
            if name in result:
                continue
            value = self.value(part, name, required=name in required)
            if value is not None or name in required:
                result[name] = value
        optional = [
            name
            for name, part in (schema.get("properties") or {}).items()
            if name not in required and name not in result and _type(self._deref(part)) == "string"
        ]
        for name in result:
            if optional and reading.stem(name) == "missing" and isinstance(result[name], list) and not result[name]:
                result[name] = [f"{reading.humanized(absent).capitalize()} is not stated." for absent in optional][
                    :_MAX_ITEMS
                ]
        return result

    def _claimed(self, schema: Schema, claim: tuple[str, str], sentences: list[Sentence]) -> dict[str, Any]:
        text, numbers = claim
        quotes = " ".join(sentence.quote for sentence in sentences) or _NOT_STATED
        return {
            text: _fitted(quotes, self._deref(schema["properties"][text])),
            numbers: [sentence.number for sentence in sentences],
        }

    def _assign_sentences(self, schema: Schema) -> dict[str, list[str]]:
        """Assigns each sentence to the lists that match by vocabulary, otherwise to the most similar list."""
        lists = {
            name: self._deref(part)
            for name, part in (schema.get("properties") or {}).items()
            if _type(self._deref(part)) == "array"
            and _type(self._deref(self._deref(part).get("items") or {})) == "string"
        }
        if not lists:
            return {}
        names = [name for name in lists if reading.stem(name) != "missing"]
        if not names:
            return {name: [] for name in lists}
        queries = [f"{reading.humanized(name)}: {lists[name].get('description', '')}" for name in names]
        similarity = self._source.vectors @ self._source.embedder.queries(queries).T
        similarity = similarity - similarity.mean(axis=0, keepdims=True)
        assigned: dict[str, list[str]] = {name: [] for name in lists}
        for index, sentence in enumerate(self._source.sentences):
            matches = [name for name in names if reading.matches(name, sentence)]
            unknown = [number for number, name in enumerate(names) if not reading.knows(name)]
            if not matches and unknown:
                best = max(unknown, key=lambda number: float(similarity[index, number]))
                matches = [names[best]] if similarity[index, best] > _MIN_SIMILARITY else []
            for name in matches:
                assigned[name].append(sentence)
        return assigned

    def _array(self, schema: Schema, name: str) -> list[Any]:
        items = self._deref(schema.get("items") or {"type": "string"})
        low, high = int(schema.get("minItems", 0)), int(schema.get("maxItems", _MAX_ITEMS))
        if self._claim(items):
            return [self._object(items, [sentence]) for sentence in self._source.chosen[:high]] or [
                self._object(items) for _ in range(low)
            ]
        if _type(items) != "string" or "enum" in items:
            return [self.value(items, name, required=True) for _ in range(low)]
        texts = reading.parts(self._source.text) if reading.stem(name) == "part" else self._lists.get(name, [])
        items_text = [_fitted(text, items) for text in dict.fromkeys(texts)][: min(high, _MAX_ITEMS)]
        while len(items_text) < low:
            items_text.append(_fitted(_NOT_STATED, items))
        return items_text

    def _text(self, schema: Schema, name: str, *, required: bool) -> str | None:
        known = reading.known_text(name, self._source.text, str(schema.get("format", "")))
        if known is not None:
            text: str | None = known or None
        elif reading.stem(name) in ("title", "headline", "subject"):
            text = self._title(schema)
        elif reading.stem(name) in ("summary", "abstract", "overview"):
            text = "\n".join(self._source.central(self._lines(schema)))
        else:
            text = self._nearest(schema, name) if required else None
        if text is None:
            text = _NOT_STATED if required else None
        return None if text is None else _fitted(text, schema)

    def _lines(self, schema: Schema) -> int:
        request = f"{schema.get('description', '')} {self._source.instructions}"
        limit = re.search(r"(\d+) (?:lines?|sentences?)", request)
        return min(max(int(limit.group(1)) if limit else 2, 1), 4)

    def _nearest(self, schema: Schema, name: str) -> str:
        query = f"{reading.humanized(name)}: {schema.get('description', '')}"
        scores = self._source.vectors @ self._source.embedder.queries([query])[0]
        return self._source.sentences[int(np.argmax(scores))]

    def _title(self, schema: Schema) -> str:
        longest = min(int(schema.get("maxLength", 80)), 80)
        lead = reading.headline(self._source.central(1)[0], longest)
        form = {
            "type": "object",
            "properties": {"title": {"type": "string", "maxLength": longest}},
            "required": ["title"],
        }
        excerpt = " ".join(self._source.central(3))[:600]
        prompt = f"Report: {excerpt}\nA short title for it, of at most eight words, as JSON."
        completion = self._source.runtimes.writer.chat(
            [{"role": "user", "content": prompt}],
            max_tokens=40,
            temperature=0,
            response_format={"type": "json_schema", "json_schema": {"name": "title", "schema": form, "strict": True}},
        )
        try:
            title = str(json.loads(completion.text)["title"]).strip().rstrip(".,;:!")
        except (ValueError, KeyError):
            return lead
        title = re.sub(r"^(?:report|title|incident)\s*[:-]\s*", "", title, flags=re.IGNORECASE)
        fits = 3 <= len(title.split()) <= 10 and reading.only_words_of(title, self._source.text)
        return title[:1].upper() + title[1:] if fits else lead

    def _choice(self, schema: Schema, name: str) -> Any:
        options = list(schema["enum"])
        words = [str(option) for option in options]
        graded = reading.grade(words, self._source.text)
        if graded is not None:
            return options[graded]
        texts = [f"{reading.humanized(name)}: {word}. {schema.get('description', '')}" for word in words]
        mean = self._source.vectors.mean(axis=0)
        return options[int(np.argmax(self._source.embedder.queries(texts) @ mean))]

    def _number(self, schema: Schema, json_type: str) -> float | int:
        match = re.search(r"-?\d+(?:\.\d+)?", self._source.text)
        value = float(match.group(0)) if match else 0.0
        value = min(max(value, float(schema.get("minimum", value))), float(schema.get("maximum", value)))
        return int(value) if json_type == "integer" else value


def _type(schema: Schema) -> str:
    json_type = schema.get("type")
    if isinstance(json_type, list):
        json_type = next((name for name in json_type if name != "null"), "null")
    if json_type is None:
        return "object" if "properties" in schema else "string"
    return str(json_type)


def _fitted(text: str, schema: Schema) -> str:
    """The text within the schema's length limits, cut at a word."""
    longest = int(schema.get("maxLength", 1500))
    if len(text) > longest:
        cut = text[: max(longest - 1, 0)]
        text = (cut.rsplit(" ", 1)[0] or cut) + "…" if longest > 1 else text[:longest]
    return text.ljust(int(schema.get("minLength", 0)), ".")
