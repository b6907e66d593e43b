"""The fields of an application, their limits, and how names and classes of a scorecard are shown."""

import re
from collections.abc import Mapping, Sequence
from typing import Any, Literal, NamedTuple

import streamlit as st

from ui import components
from ui.api_request import ApiRequest
from ui.client import Failure
from ui.fields import Fields, choice
from ui.number_format import short
from ui.texts import t, translations

USE_CASE = "credit-risk"
_NUMBER = re.compile(r"\d{1,20}(?:\.\d{1,20})?")
# Longer than a month, so that a date gets the message about months.
_MAX_MONTH = 40
_MONTH = re.compile(r"(19|20)[0-9]{2}-(0[1-9]|1[0-2])")
Kind = Literal["number", "count", "category", "month"]


class Field(NamedTuple):
    """A field of an application. The limits are those of the API (docs/api.md); counts are whole numbers."""

    name: str
    kind: Kind = "number"
    maximum: float = 0
    minimum: float = 0
    options: tuple[str, ...] = ()
    required: bool = False


LOAN = (
    Field("amount", maximum=1_000_000, minimum=500, required=True),
    Field("termMonths", "count", maximum=120, minimum=6, required=True),
    Field(
        "purpose",
        "category",
        options=(
            "car", "creditCard", "debtConsolidation", "educational", "homeImprovement", "house", "majorPurchase",
            "medical", "moving", "other", "renewableEnergy", "smallBusiness", "vacation", "wedding",
        ),
    ),
    Field("interestRate", maximum=1_000),
    Field("grade", "category", options=("A", "B", "C", "D", "E", "F", "G")),
)  # fmt: skip
APPLICANT = (
    Field("annualIncome", maximum=1_000_000_000),
    Field("employmentYears", maximum=80),
    Field("homeOwnership", "category", options=("rent", "mortgage", "own", "other", "none")),
    Field("incomeVerification", "category", options=("notVerified", "sourceVerified", "verified")),
    Field("debtToIncome", maximum=1_000),
)
REPORT = (
    Field("delinquencies2Years", "count", maximum=1_000),
    Field("inquiries6Months", "count", maximum=1_000),
    Field("openAccounts", "count", maximum=10_000),
    Field("totalAccounts", "count", maximum=10_000),
    Field("publicRecords", "count", maximum=1_000),
    Field("revolvingBalance", maximum=1_000_000_000),
    Field("revolvingUtilization", maximum=1_000),
    Field("earliestCreditLine", "month"),
)
FIELDS = (*LOAN, *APPLICANT, *REPORT)
_CATEGORIES = {field.name for field in FIELDS if field.kind == "category"}
# The API's roles (docs/api.md).
SCORER, MODELLER, VALIDATOR, AUDITOR = "scorer", "modeller", "validator", "auditor"


def widget(field: Field, prefix: str, form: Fields) -> Any:
    """The input of a field of the form; None when it is left empty."""
    label, key = t(f"credit_risk.field_{field.name}"), f"{prefix}{field.name}"
    unit = f"credit_risk.unit_{field.name}"
    help_text = t(unit) if unit in translations() else None
    hint = "" if field.required else t("credit_risk.not_given")
    if field.kind == "category":
        return st.selectbox(label, field.options, None, category, placeholder=hint, help=help_text, **choice(key))
    if field.kind == "month":
        return form.text_input(label, key, _MAX_MONTH, placeholder="1999-03", help=help_text) or None
    convert = int if field.kind == "count" else float
    low, high = convert(field.minimum), convert(field.maximum)
    return form.optional_number(label, key, low, high, step=convert(1), placeholder=hint, help=help_text)


def problem(values: Mapping[str, Any]) -> str | None:
    """What the user has to correct."""
    for field in FIELDS:
        content = values.get(field.name)
        if field.required and content is None:
            return t("credit_risk.required", field=name(field.name))
        if field.kind == "month" and content is not None and not _MONTH.fullmatch(content):
            return t("credit_risk.no_month", field=name(field.name))
    return None


def name(characteristic: str) -> str:
    """A characteristic in words; one that is not known here, as it is."""
    return _translated("field", characteristic)


def category(content: str) -> str:
    return _translated("category", content)


def class_label(characteristic: str, label: str) -> str:
    """A class of a scorecard in the user's language: `Car, wedding`, `< 10.5`, `missing`."""
    if label in ("missing", "all"):
        return t(f"credit_risk.class_{label}")
    if characteristic in _CATEGORIES:
        return ", ".join(category(content) for content in label.split(", "))
    numbers = _NUMBER.sub(lambda match: short(float(match[0])), label).replace(" - < ", " – < ").replace(">=", "≥")
    # The others have their unit in their name.
    return t("credit_risk.class_months", months=numbers) if characteristic == "earliestCreditLine" else numbers


def definition(name: str) -> str:
    """What a model's definition is of, in words; one that is not known here, as it is."""
    return _translated("definition", name)


def value(characteristic: str, content: Any) -> str:
    """The value of an application's field."""
    if isinstance(content, int | float):
        return short(content)
    return category(str(content)) if characteristic in _CATEGORIES else str(content)


def path(field_path: str) -> str:
    """A field's path in the API, such as `applicant.annualIncome`, in words."""
    return name(field_path.rpartition(".")[2])


def failure_box(failure: Failure, key: str, roles: Sequence[str]) -> None:
    """Why something failed; for a missing permission, which roles have it."""
    if failure.code != "forbidden":
        components.error_box(failure, key)
        return
    names = ", ".join(t(f"credit_risk.role_{role}") for role in roles)
    st.info(t("credit_risk.not_your_role", roles=names), icon=":material/lock:")


def outcome(request: ApiRequest, roles: Sequence[str]) -> None:
    """As `components.outcome`, with the roles that have a missing permission."""
    if request.failure and not request.problem:
        failure_box(request.failure, f"{request.use_case}{request.path}", roles)
    else:
        components.outcome(request)


def _translated(kind: str, identifier: str) -> str:
    key = f"credit_risk.{kind}_{identifier}"
    return t(key) if key in translations() else identifier
