"""
Answers that fit a JSON schema, made from the user's own words.

A model of 135 million parameters invents facts when it fills a form, so most of it is extraction: every field takes the
sentences of the user's text that are nearest to its name and description (multilingual-e5-small), helped by a small
vocabulary for names that reports use. Nothing here knows a prompt of ours; only schema and text decide. Only a title is
written by SmolLM2, and kept if all its words are in the text. Answers that name numbered sentences are `citing`'s.
"""

import json
import re
from collections.abc import Mapping
from functools import cached_property
from typing import Any

import numpy as np

from dev.local.models import citing, reading
from dev.local.models.citing import Numbered, Sentence
from dev.local.models.runtimes import Embedder, Runtimes, Vectors

Schema = Mapping[str, Any]
_NOT_SAID = "Not stated."
# How much nearer than the mean of all fields a sentence has to be to belong to one that no vocabulary speaks for.
_NEAR = 0.02
_MAX_ITEMS = 6


class Filler:
    """Fills one schema after the other; holds no state but the models."""

    def __init__(self, runtimes: Runtimes) -> None:
        self._runtimes = runtimes

    def fill(
        self, schema: Schema, text: str, images: list[str], instructions: str, numbered: Numbered | None = None
    ) -> Any:
        """
        A value that is valid against the schema.

        :param images: what is known of the user's pictures, one text each.
        :param instructions: the system prompt; only a number of lines is read from it.
        :param numbered: the user's numbered sentences, if there are any.
        """
        source = reading.source(text)
        sentences = [*reading.sentences(source), *(part for image in images for part in reading.sentences(image))]
        if not sentences:
            sentences = [_NOT_SAID]
        page = _Page(self._runtimes, source, sentences, instructions, numbered)
        return _Form(page, schema).value(schema, "", required=True)


class _Page:
    """The user's text, read once."""

    def __init__(
        self, runtimes: Runtimes, source: str, sentences: list[str], instructions: str, numbered: Numbered | None
    ) -> None:
        self.runtimes = runtimes
        self.source = source
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
        """The sentences nearest to the whole and telling most, earlier ones favoured, in their own order."""
        mean = self.vectors.mean(axis=0)
        scores = self.vectors @ mean / max(float(np.linalg.norm(mean)), 1e-9)
        scores = scores + np.linspace(0.03, 0.0, len(self.sentences), dtype=np.float32)
        scores = scores + np.array([reading.weight(sentence) for sentence in self.sentences], dtype=np.float32)
        best = sorted(np.argsort(-scores)[:count].tolist())
        return [self.sentences[index] for index in best]


class _Form:
    """One schema and the sentences that were given to its lists."""

    def __init__(self, page: _Page, root: Schema) -> None:
        self._page = page
        self._root = root
        self._lists = self._share_out(self._deref(root))
        self._cites = page.numbered is not None and self._has_claims(root, 0)

    def value(self, schema: Schema, name: str, *, required: bool) -> Any:
        """A valid value for one place of the schema; None when an optional one has nothing to say."""
        schema = self._deref(schema)
        if "const" in schema:
            return schema["const"]
        if "enum" in schema:
            return self._choice(schema, name)
        kind = _kind(schema)
        if kind == "object":
            return self._object(schema)
        if kind == "array":
            return self._array(schema, name)
        if kind == "string":
            return self._text(schema, name, required=required)
        if kind in ("integer", "number"):
            return self._number(schema, kind)
        return self._whether(schema, name) if kind == "boolean" else None

    def _whether(self, schema: Schema, name: str) -> bool:
        answered = citing.says_whether(name, schema) if self._cites else None
        return False if answered is None else bool(self._page.chosen) == answered

    def _has_claims(self, schema: Schema, depth: int) -> bool:
        """Whether numbers of sentences are asked for somewhere. `depth` ends schemas that hold themselves."""
        schema = self._deref(schema)
        parts = [*(schema.get("properties") or {}).values(), *([schema["items"]] if schema.get("items") else [])]
        return bool(self._claim(schema)) or (depth < 5 and any(self._has_claims(part, depth + 1) for part in parts))

    def _claim(self, schema: Schema) -> tuple[str, str] | None:
        properties = {name: self._deref(part) for name, part in (schema.get("properties") or {}).items()}
        return citing.fields({"properties": properties}) if self._page.numbered else None

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

    def _object(self, schema: Schema, said: list[Sentence] | None = None) -> dict[str, Any]:
        """:param said: the sentences of a claim, where not all that were chosen."""
        required = set(schema.get("required") or [])
        claim = self._claim(schema)
        made: dict[str, Any] = (
            self._claimed(schema, claim, self._page.chosen if said is None else said) if claim else {}
        )
        for name, part in (schema.get("properties") or {}).items():
            if name in made:
                continue
            value = self.value(part, name, required=name in required)
            if value is not None or name in required:
                made[name] = value
        optional = [
            name
            for name, part in (schema.get("properties") or {}).items()
            if name not in required and name not in made and _kind(self._deref(part)) == "string"
        ]
        for name in made:
            if optional and reading.stem(name) == "missing" and isinstance(made[name], list) and not made[name]:
                made[name] = [f"{reading.humanised(absent).capitalize()} is not stated." for absent in optional][
                    :_MAX_ITEMS
                ]
        return made

    def _claimed(self, schema: Schema, claim: tuple[str, str], said: list[Sentence]) -> dict[str, Any]:
        text, numbers = claim
        shown = " ".join(sentence.shown for sentence in said) or _NOT_SAID
        return {
            text: _fitted(shown, self._deref(schema["properties"][text])),
            numbers: [sentence.number for sentence in said],
        }

    def _share_out(self, schema: Schema) -> dict[str, list[str]]:
        """Gives each sentence to the lists that it fits: by vocabulary, else to the nearest one."""
        lists = {
            name: self._deref(part)
            for name, part in (schema.get("properties") or {}).items()
            if _kind(self._deref(part)) == "array"
            and _kind(self._deref(self._deref(part).get("items") or {})) == "string"
        }
        if not lists:
            return {}
        names = [name for name in lists if reading.stem(name) != "missing"]
        if not names:
            return {name: [] for name in lists}
        queries = [f"{reading.humanised(name)}: {lists[name].get('description', '')}" for name in names]
        near = self._page.vectors @ self._page.embedder.queries(queries).T
        near = near - near.mean(axis=0, keepdims=True)
        given: dict[str, list[str]] = {name: [] for name in lists}
        for index, sentence in enumerate(self._page.sentences):
            said = [name for name in names if reading.speaks_of(name, sentence)]
            unknown = [number for number, name in enumerate(names) if not reading.knows(name)]
            if not said and unknown:
                best = max(unknown, key=lambda number: float(near[index, number]))
                said = [names[best]] if near[index, best] > _NEAR else []
            for name in said:
                given[name].append(sentence)
        return given

    def _array(self, schema: Schema, name: str) -> list[Any]:
        items = self._deref(schema.get("items") or {"type": "string"})
        low, high = int(schema.get("minItems", 0)), int(schema.get("maxItems", _MAX_ITEMS))
        if self._claim(items):
            return [self._object(items, [sentence]) for sentence in self._page.chosen[:high]] or [
                self._object(items) for _ in range(low)
            ]
        if _kind(items) != "string" or "enum" in items:
            return [self.value(items, name, required=True) for _ in range(low)]
        found = reading.parts(self._page.source) if reading.stem(name) == "part" else self._lists.get(name, [])
        made = [_fitted(text, items) for text in dict.fromkeys(found)][: min(high, _MAX_ITEMS)]
        while len(made) < low:
            made.append(_fitted(_NOT_SAID, items))
        return made

    def _text(self, schema: Schema, name: str, *, required: bool) -> str | None:
        known = reading.known_text(name, self._page.source, str(schema.get("format", "")))
        if known is not None:
            text: str | None = known or None
        elif reading.stem(name) in ("title", "headline", "subject"):
            text = self._title(schema)
        elif reading.stem(name) in ("summary", "abstract", "overview"):
            text = "\n".join(self._page.central(self._lines(schema)))
        else:
            text = self._nearest(schema, name) if required else None
        if text is None:
            text = _NOT_SAID if required else None
        return None if text is None else _fitted(text, schema)

    def _lines(self, schema: Schema) -> int:
        told = f"{schema.get('description', '')} {self._page.instructions}"
        found = re.search(r"(\d+) (?:lines?|sentences?)", told)
        return min(max(int(found.group(1)) if found else 2, 1), 4)

    def _nearest(self, schema: Schema, name: str) -> str:
        query = f"{reading.humanised(name)}: {schema.get('description', '')}"
        scores = self._page.vectors @ self._page.embedder.queries([query])[0]
        return self._page.sentences[int(np.argmax(scores))]

    def _title(self, schema: Schema) -> str:
        longest = min(int(schema.get("maxLength", 80)), 80)
        lead = reading.headline(self._page.central(1)[0], longest)
        form = {
            "type": "object",
            "properties": {"title": {"type": "string", "maxLength": longest}},
            "required": ["title"],
        }
        told = " ".join(self._page.central(3))[:600]
        asked = f"Report: {told}\nA short title for it, of at most eight words, as JSON."
        written = self._page.runtimes.writer.chat(
            [{"role": "user", "content": asked}],
            max_tokens=40,
            temperature=0,
            response_format={"type": "json_schema", "json_schema": {"name": "title", "schema": form, "strict": True}},
        )
        try:
            title = str(json.loads(written.text)["title"]).strip().rstrip(".,;:!")
        except (ValueError, KeyError):
            return lead
        title = re.sub(r"^(?:report|title|incident)\s*[:-]\s*", "", title, flags=re.IGNORECASE)
        fits = 3 <= len(title.split()) <= 10 and reading.only_words_of(title, self._page.source)
        return title[:1].upper() + title[1:] if fits else lead

    def _choice(self, schema: Schema, name: str) -> Any:
        options = list(schema["enum"])
        words = [str(option) for option in options]
        graded = reading.grade(words, self._page.source)
        if graded is not None:
            return options[graded]
        texts = [f"{reading.humanised(name)}: {word}. {schema.get('description', '')}" for word in words]
        whole = self._page.vectors.mean(axis=0)
        return options[int(np.argmax(self._page.embedder.queries(texts) @ whole))]

    def _number(self, schema: Schema, kind: str) -> float | int:
        found = re.search(r"-?\d+(?:\.\d+)?", self._page.source)
        value = float(found.group(0)) if found else 0.0
        value = min(max(value, float(schema.get("minimum", value))), float(schema.get("maximum", value)))
        return int(value) if kind == "integer" else value


def _kind(schema: Schema) -> str:
    kind = schema.get("type")
    if isinstance(kind, list):
        kind = next((name for name in kind if name != "null"), "null")
    if kind is None:
        return "object" if "properties" in schema else "string"
    return str(kind)


def _fitted(text: str, schema: Schema) -> str:
    """Within the schema's lengths, cut at a word."""
    longest = int(schema.get("maxLength", 1500))
    if len(text) > longest:
        cut = text[: max(longest - 1, 0)]
        text = (cut.rsplit(" ", 1)[0] or cut) + "…" if longest > 1 else text[:longest]
    return text.ljust(int(schema.get("minLength", 0)), ".")
