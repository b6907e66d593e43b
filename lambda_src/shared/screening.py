"""Splits texts into calls to ApplyGuardrail, and reads its answers.

A call takes a limited number of text units, each of up to 1,000 characters: 25 in the regions and tiers with the lowest
quota ("On-demand ApplyGuardrail ... text units", https://docs.aws.amazon.com/general/latest/gr/bedrock.html). A longer
text is screened in parts. Each part is a content block with its own masked output.
https://docs.aws.amazon.com/bedrock/latest/APIReference/API_runtime_ApplyGuardrail.html
"""

from collections.abc import Iterator, Sequence
from typing import Any

import msgspec

from lambda_src.shared.errors import Refused

UNIT_CHARACTERS = 1_000
CALL_UNITS = 25
CONCURRENT_CALLS = 4


class Part(msgspec.Struct, frozen=True):
    """A part of one of several texts, by the text's position."""

    position: int
    text: str


def plan_calls(texts: Sequence[str]) -> list[list[Part]]:
    """The parts of the texts, in order and grouped into calls. Blank parts say nothing and are left out."""
    calls: list[list[Part]] = []
    units = CALL_UNITS
    for position, text in enumerate(texts):
        for part in split(text):
            if not part.strip():
                continue
            size = -(-len(part) // UNIT_CHARACTERS)
            if units + size > CALL_UNITS:
                calls.append([])
                units = 0
            calls[-1].append(Part(position, part))
            units += size
    return calls


def split(text: str, limit: int = UNIT_CHARACTERS * CALL_UNITS) -> Iterator[str]:
    """The text in parts of at most `limit` characters, cut after white space where there is any."""
    while len(text) > limit:
        end = next((index for index in range(limit, limit // 2, -1) if text[index - 1].isspace()), limit)
        yield text[:end]
        text = text[end:]
    yield text


def screened_parts(answer: dict[str, Any], parts: Sequence[Part]) -> list[Part] | None:
    """The parts after the guardrail, with personal data masked; None if the outputs cannot be assigned to them.

    Raises `Refused` when the guardrail blocks one, or does not say that it has only masked something.
    """
    if answer["action"] != "GUARDRAIL_INTERVENED":
        return list(parts)
    outputs = [output["text"] for output in answer["outputs"]]
    if not _only_masked(answer.get("assessments", [])) or not any(outputs):
        raise Refused("The request violates the content policy of this service.")
    if len(parts) == 1:
        return [Part(parts[0].position, "".join(outputs))]
    if len(outputs) != len(parts):
        return None
    return [Part(part.position, output) for part, output in zip(parts, outputs, strict=True)]


def join(texts: Sequence[str], parts: Sequence[Part]) -> list[str]:
    """The texts put together from their screened parts; blank ones as they were."""
    joined: dict[int, str] = {}
    for part in parts:
        joined[part.position] = joined.get(part.position, "") + part.text
    return [joined.get(position, text) for position, text in enumerate(texts)]


def content(parts: Sequence[Part]) -> list[dict[str, Any]]:
    """ApplyGuardrail's content blocks."""
    return [{"text": {"text": part.text}} for part in parts]


def only_masked(trace: dict[str, Any] | None) -> bool:
    """Whether a Converse trace shows that the guardrail masked something, and did nothing else."""
    return _only_masked((trace or {}).get("guardrail"))


def masks_input(trace: dict[str, Any] | None) -> bool:
    """Whether a Converse trace shows that the guardrail masked something in the request."""
    return "ANONYMIZED" in _actions(((trace or {}).get("guardrail") or {}).get("inputAssessment"))


def _only_masked(assessment: Any) -> bool:
    actions = set(_actions(assessment))
    return "ANONYMIZED" in actions and actions <= {"ANONYMIZED", "NONE"}


def _actions(assessment: Any) -> Iterator[str]:
    """The actions in a guardrail's assessment: `BLOCKED`, `ANONYMIZED` (masked), or `NONE` (only detected)."""
    if isinstance(assessment, dict):
        if "action" in assessment:
            yield str(assessment["action"])
        for child in assessment.values():
            yield from _actions(child)
    elif isinstance(assessment, list):
        for child in assessment:
            yield from _actions(child)
