"""
A report as people keep it: its texts and headings in the user's language, for the page and for files.

Texts come from models and users. They are data: nothing here reads them as markup.
"""

import html
import unicodedata
from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from ui import components
from ui.texts import t

SEVERITIES = ("low", "medium", "high", "critical")
# In the report's order: the most important first.
SECTIONS = ("symptoms", "causes", "actionsTaken", "actionsNeeded", "parts", "safety", "missing")
FACTS = ("equipment", "location", "occurredAt")
_NO_XML = "\ufffe\uffff"
_BADGES = {"low": "good", "medium": "warn", "high": "bad", "critical": "bad"}


@dataclass(frozen=True)
class Section:
    """A headed list. `name` is the report's field."""

    name: str
    heading: str
    items: tuple[str, ...]


@dataclass(frozen=True)
class Document:
    """A report without anything that depends on the session: files are written when no page runs."""

    language: str
    title: str
    severity: str
    severity_text: str
    summary: str
    facts: tuple[tuple[str, str], ...]
    """Names and values of what is known about the incident."""
    history: tuple[tuple[str, str], ...]
    """Names and times of the report's creation and correction."""
    sections: tuple[Section, ...]
    photos: tuple[tuple[str, bytes], ...] = ()
    """Descriptions and contents."""

    def texts(self) -> str:
        """All of its texts, to look for characters in."""
        facts = [text for pair in (*self.facts, *self.history) for text in pair]
        lists = [text for section in self.sections for text in (section.heading, *section.items)]
        photos = [description for description, _ in self.photos]
        return "\n".join([self.title, self.severity_text, self.summary, *facts, *lists, *photos])

    def with_photos(self, photos: list[bytes]) -> "Document":
        """The same report with its photos."""
        described = ((photo_description(number), photo) for number, photo in enumerate(photos, 1))
        return replace(self, photos=tuple(described))


def make_document(report: Mapping[str, Any], created: str, edited: str | None = None) -> Document:
    """A report of the API; `created` and `edited` are the API's times."""
    history = [(t("summarization.created"), components.local_time(created))]
    if edited:
        history.append((t("summarization.edited"), components.local_time(edited)))
    return Document(
        language=report["language"],
        title=clean(report["title"]),
        severity=report["severity"],
        severity_text=t("summarization.severity", severity=t(f"summarization.severity_{report['severity']}")),
        summary=clean(report["summary"]),
        facts=tuple((t(f"summarization.{name}"), clean(report[name])) for name in FACTS if report.get(name)),
        history=tuple(history),
        sections=tuple(
            Section(name, heading(name), tuple(map(clean, report[name]))) for name in SECTIONS if report[name]
        ),
    )


def heading(name: str) -> str:
    """The heading of a section."""
    return t(f"summarization.section_{name}")


def photo_description(number: int) -> str:
    """What stands in for a photo where it cannot be seen."""
    return t("summarization.photo", number=number)


def clean(text: str) -> str:
    """The text without control characters, which XML and PDF cannot hold, and with composed accents."""
    kept = "".join(c for c in text if c in "\n\t" or (unicodedata.category(c) not in ("Cc", "Cs") and c not in _NO_XML))
    return unicodedata.normalize("NFC", kept)


def as_html(document: Document) -> str:
    """The report as escaped HTML, without its photos."""
    lines = [
        f'<article class="report" dir="auto" lang="{html.escape(document.language)}">',
        f"<h2>{html.escape(document.title)}</h2>",
        f'<p><span class="badge {_BADGES[document.severity]}">{html.escape(document.severity_text)}</span></p>',
        f'<p class="model-text">{html.escape(document.summary)}</p>',
    ]
    pairs = (*document.facts, *document.history)
    cells = "".join(f"<div><dt>{html.escape(name)}</dt><dd>{html.escape(value)}</dd></div>" for name, value in pairs)
    lines.append(f"<dl>{cells}</dl>")
    for section in document.sections:
        items = "".join(f"<li>{html.escape(item)}</li>" for item in section.items)
        lines.append(
            f'<section class="{section.name}"><h3>{html.escape(section.heading)}</h3><ul>{items}</ul></section>'
        )
    return "".join([*lines, "</article>"])


def as_text(document: Document) -> str:
    """The report as plain text, for an email or a ticket."""
    lines = [document.title, document.severity_text, "", document.summary]
    lines += [f"{name}: {value}" for name, value in document.facts]
    for section in document.sections:
        lines += ["", section.heading, *(f"- {item}" for item in section.items)]
    return "\n".join(lines) + "\n"
