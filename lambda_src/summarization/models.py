"""Request and response types of summarization."""

from typing import Annotated, Literal

from msgspec import UNSET, Meta, UnsetType

from lambda_src.shared.photos import ContentType, Photo
from lambda_src.shared.schemas import (
    Language,
    ModelId,
    NonBlank,
    RequestModel,
    ResponseModel,
    Secret,
    Text,
    Usage,
)

Line = Annotated[str, Meta(min_length=1)]
Severity = Literal["low", "medium", "high", "critical"]
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
        Severity,
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
    """A stored report, in its newest version. The technician's text is not stored; photos are in the bucket."""

    id: str
    report: Report
    model: str
    usage: Usage
    created_at: str
    # Of the photos in the bucket, in their order. Records from before photos were kept have none.
    photo_types: list[ContentType] = []
    version: int = 1
    edited_at: str | UnsetType = UNSET


class ReportPhoto(ResponseModel):
    """A photo that the report was written from; `url` works until `urlExpiresAt`."""

    content_type: ContentType
    url: Secret
    url_expires_at: str


class Summary(ResponseModel, kw_only=True):
    """A report in its newest version. Version 1 is the model's; `editedAt` is when a later one was made."""

    id: str
    report: Report
    model: str
    usage: Usage
    created_at: str
    version: int
    edited_at: str | UnsetType = UNSET
    photos: list[ReportPhoto]


class SummaryAnswer(Summary, kw_only=True):
    request_id: str


class SummaryList(ResponseModel, kw_only=True):
    items: list[Summary]
    next_cursor: str | UnsetType = UNSET
    request_id: str


MAX_ITEMS, MAX_LINE = 50, 1_000
Title = Annotated[NonBlank, Meta(max_length=500)]
SummaryText = Annotated[NonBlank, Meta(max_length=10_000)]
CorrectedLine = Annotated[NonBlank, Meta(max_length=MAX_LINE)]
Lines = Annotated[list[CorrectedLine], Meta(max_length=MAX_ITEMS)]


class CorrectedReport(RequestModel):
    """A report as its author corrects it: all of its fields, those that are left out are empty."""

    title: Title
    summary: SummaryText
    language: Annotated[NonBlank, Meta(min_length=2, max_length=35, description="BCP 47 tag")]
    severity: Severity
    symptoms: Lines
    causes: Lines
    actions_taken: Lines
    actions_needed: Lines
    parts: Lines
    safety: Lines
    missing: Lines
    equipment: CorrectedLine | None = None
    location: CorrectedLine | None = None
    occurred_at: CorrectedLine | None = None


class CorrectSummary(RequestModel):
    """A corrected report. `expectedVersion` is the one that was corrected; another newest one is not replaced."""

    report: CorrectedReport
    expected_version: Annotated[int, Meta(ge=1)]


class SummaryVersion(ResponseModel):
    """One version of a report. Version 1 is the model's."""

    version: int
    report: Report
    created_at: str


class SummaryVersions(ResponseModel, kw_only=True):
    items: list[SummaryVersion]
    request_id: str
