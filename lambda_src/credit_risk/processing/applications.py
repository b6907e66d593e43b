"""Rows with applications: their columns are the fields of `POST /scores` by name, without the objects around them."""

import re
from typing import Any, TypeVar

import msgspec

from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.model import Model
from lambda_src.credit_risk.models import Applicant, ApplicationId, Date, Loan, Segment
from lambda_src.credit_risk.processing.errors import RowError
from lambda_src.credit_risk.processing.rows import Columns
from lambda_src.credit_risk.scoring import application_date, values_of
from lambda_src.shared.schemas import RequestModel

_LABELS = ("applicationId", "applicationDate", "segment")
_REQUIRED = ("amount", "termMonths")
_GROUPS = {name: characteristic.group for name, characteristic in CHARACTERISTICS.items()}
_DATES = ("applicationDate", "defaultedAt")
# Such as: Expected `float` >= 0.0
_BOUND = re.compile(r"Expected `\w{1,20}` (>=|<=) ([0-9.e+]{1,30})")
_Type = TypeVar("_Type", bound=msgspec.Struct)


class _Labels(RequestModel):
    """What a row has besides the application."""

    application_id: ApplicationId | None = None
    application_date: Date | None = None
    segment: Segment | None = None


class Application(msgspec.Struct, frozen=True):
    """An application. `values`: its fields by the names of `CHARACTERISTICS`; `day`: YYYY-MM-DD."""

    application_id: str | None
    day: str
    segment: str | None
    amount: float
    values: dict[str, Any]


def columns(model: Model) -> Columns:
    """The columns of a file that a model can score."""
    needed = (entry.name for entry in model.card.characteristics if entry.missing is None)
    required = tuple(dict.fromkeys((*_REQUIRED, *needed)))
    return Columns(required, tuple(name for name in (*_LABELS, *CHARACTERISTICS) if name not in required))


def parse(fields: dict[str, str], now: float) -> Application:
    """The application of a row. `now`: seconds since 1970, for the default date. Raises `RowError`."""
    groups: dict[str, dict[str, str]] = {"applicant": {}, "loan": {}, "": {}}
    for name, text in fields.items():
        groups[_GROUPS.get(name, "")][name] = text
    labels = convert(groups[""], _Labels)
    loan = convert(groups["loan"], Loan)
    try:
        day = application_date(labels.application_date, now)
    except ValueError as error:
        raise RowError("applicationDate", str(error)) from error
    values = values_of(convert(groups["applicant"], Applicant), loan)
    return Application(labels.application_id, day, labels.segment, loan.amount, values)


def convert(fields: dict[str, str], row_type: type[_Type]) -> _Type:
    """The fields of a row as a struct. Raises `RowError`."""
    for name, text in fields.items():
        # msgspec would take it for a missing number, but for a category's name.
        if text.lower() == "null":
            raise RowError(name, "must be blank if there is no value")
    try:
        return msgspec.convert(fields, row_type, strict=False)
    except msgspec.ValidationError as error:
        message, _, path = str(error).partition(" - at `$.")
        if message.startswith("Object missing required field"):
            raise RowError(message.split("`")[1], "is missing") from None
        name = path.removesuffix("`")
        raise RowError(name, _reason(message, name)) from None


def _reason(message: str, name: str) -> str:
    """msgspec's message in the words of a spreadsheet, which has no types."""
    if bound := _BOUND.match(message):
        return f"must be at {'least' if bound[1] == '>=' else 'most'} {float(bound[2]):,.12g}"
    if "`int" in message:
        return "must be a whole number, such as 36"
    if "`float" in message or message == "Number out of range":
        return "must be a number with a decimal point and without separators of thousands, such as 12000.50"
    if name in CHARACTERISTICS and (known := CHARACTERISTICS[name].known):
        return f"must be one word, such as {', '.join(known)}"
    if name in CHARACTERISTICS and CHARACTERISTICS[name].kind == "month":
        return "must be a year and a month, such as 1999-03"
    if name in _DATES:
        return "must be a date, such as 2026-01-31"
    return "has a wrong form, a character that is not allowed, or is too long"
