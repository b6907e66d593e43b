"""What goes in and out of summarization."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from lambda_src.shared.photos import Photo
from lambda_src.shared.schemas import ModelId, RequestModel, ResponseModel, Text, Usage

Line = Annotated[str, Meta(min_length=1)]
Audience = Literal["technician", "manager", "customer"]


class CreateSummary(RequestModel):
    """A technician's report as text, photos, or both. `lines` bounds the summary."""

    text: Text | None = None
    photos: Annotated[list[Photo], Meta(max_length=5)] = []
    lines: Annotated[int, Meta(ge=1, le=20)] = 5
    audience: Audience = "technician"
    language: (
        Annotated[str, Meta(min_length=2, max_length=35, pattern="^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8})*$")] | None
    ) = None
    model: ModelId | None = None


def _about(text: str) -> Meta:
    return Meta(description=text)


class Report(ResponseModel):
    """The organised report. What the technician's report does not say is left out, or named in `missing`."""

    title: Annotated[str, Meta(min_length=1, description="What happened to what, in at most ten words")]
    summary: Annotated[str, Meta(min_length=1, description="The whole incident, for somebody who reads only this")]
    language: Annotated[str, Meta(min_length=2, description="BCP 47 tag of the language this report is written in")]
    severity: Annotated[
        Literal["low", "medium", "high", "critical"],
        _about("How bad it is; critical only for danger to people or a standstill"),
    ]
    symptoms: Annotated[list[Line], _about("What was observed, one observation an item")]
    causes: Annotated[list[Line], _about("Causes that were found or are suspected")]
    actions_taken: Annotated[list[Line], _about("What was already done")]
    actions_needed: Annotated[list[Line], _about("What is still to be done")]
    parts: Annotated[list[Line], _about("Parts used or needed, with number and quantity as far as given")]
    safety: Annotated[list[Line], _about("Dangers and precautions")]
    missing: Annotated[list[Line], _about("What a reader needs and the report does not say")]
    equipment: (
        Annotated[str, _about("Machine or installation, with type and serial number as far as given")] | UnsetType
    ) = UNSET
    location: Annotated[str, _about("Where it is")] | UnsetType = UNSET
    occurred_at: Annotated[str, _about("When it happened, as given")] | UnsetType = UNSET


class SummaryRecord(ResponseModel):
    """A report as it is kept; the technician's words and photos are not."""

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
