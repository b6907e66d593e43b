"""Request and response types of summarization."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from lambda_src.shared.photos import Photo
from lambda_src.shared.schemas import Language, ModelId, RequestModel, ResponseModel, Text, Usage

Line = Annotated[str, Meta(min_length=1)]
Audience = Literal["technician", "manager", "customer"]


class CreateSummary(RequestModel):
    """A technician's report as text, photos, or both. `lines` limits the summary."""

    text: Text | None = None
    photos: Annotated[list[Photo], Meta(max_length=5)] = []
    lines: Annotated[int, Meta(ge=1, le=20)] = 5
    audience: Audience = "technician"
    language: Language | None = None
    model: ModelId | None = None


def _description(text: str) -> Meta:
    return Meta(description=text)


class Report(ResponseModel):
    """The organized report. Information that the technician's report lacks is absent, or listed in `missing`."""

    title: Annotated[str, Meta(min_length=1, description="What happened to what, in at most ten words")]
    summary: Annotated[str, Meta(min_length=1, description="The whole incident, for somebody who reads only this")]
    language: Annotated[str, Meta(min_length=2, description="BCP 47 tag of the language this report is written in")]
    severity: Annotated[
        Literal["low", "medium", "high", "critical"],
        _description("How bad it is; critical only for danger to people or a standstill"),
    ]
    symptoms: Annotated[list[Line], _description("What was observed, one observation an item")]
    causes: Annotated[list[Line], _description("Causes that were found or are suspected")]
    actions_taken: Annotated[list[Line], _description("What was already done")]
    actions_needed: Annotated[list[Line], _description("What is still to be done")]
    parts: Annotated[list[Line], _description("Parts used or needed, with number and quantity as far as given")]
    safety: Annotated[list[Line], _description("Dangers and precautions")]
    missing: Annotated[list[Line], _description("What a reader needs and the report does not say")]
    equipment: (
        Annotated[str, _description("Machine or installation, with type and serial number as far as given")] | UnsetType
    ) = UNSET
    location: Annotated[str, _description("Where it is")] | UnsetType = UNSET
    occurred_at: Annotated[str, _description("When it happened, as given")] | UnsetType = UNSET


class SummaryRecord(ResponseModel):
    """A stored report. The technician's text and photos are not stored."""

    id: str
    report: Report
    model: str
    usage: Usage
    created_at: str


class SummaryAnswer(SummaryRecord, kw_only=True):
    request_id: str


class SummaryList(ResponseModel, kw_only=True):
    items: list[SummaryRecord]
    next_cursor: str | UnsetType = UNSET
    request_id: str
