"""What a scorecard can use: the fields of an application, with their units and bounds.

Money is in the currency of the model's data. Percentages are numbers of percent: 12.5 means 12.5 %. Probabilities,
factors and rates in results are fractions: 0.125.
"""

import re
from collections.abc import Mapping
from typing import Literal

import msgspec

Kind = Literal["number", "category", "month"]
Group = Literal["applicant", "loan"]
# How a category is written in requests and models. In Python, `$` also matches before a last line break.
CATEGORY = r"^[A-Za-z][A-Za-z0-9]{0,39}$(?!\n)"
MONTH = r"^(19|20)[0-9]{2}-(0[1-9]|1[0-2])$(?!\n)"
_MONTH = re.compile(MONTH)


class Characteristic(msgspec.Struct, frozen=True, kw_only=True):
    """A field of an application.

    Numbers are from `minimum` to `maximum`. A month is scored as the months from it to the application, within the same
    bounds. `known` are the categories of the training data; a model made elsewhere may have others.
    """

    name: str
    group: Group = "applicant"
    kind: Kind = "number"
    unit: str = ""
    minimum: float = 0
    maximum: float = 0
    known: tuple[str, ...] = ()

    @property
    def path(self) -> str:
        """Where a request has it."""
        return f"{self.group}.{self.name}"


# In the order of the API. Counts and bureau figures are those of the applicant's credit report.
CHARACTERISTICS: Mapping[str, Characteristic] = {
    characteristic.name: characteristic
    for characteristic in (
        Characteristic(name="annualIncome", unit="currency a year", maximum=1_000_000_000),
        Characteristic(name="employmentYears", unit="years; 10 means ten or more", maximum=80),
        Characteristic(name="homeOwnership", kind="category", known=("rent", "mortgage", "own", "other", "none")),
        Characteristic(name="incomeVerification", kind="category", known=("notVerified", "sourceVerified", "verified")),
        Characteristic(name="debtToIncome", unit="% of the monthly income, without mortgage", maximum=1_000),
        Characteristic(name="delinquencies2Years", unit="count", maximum=1_000),
        Characteristic(name="inquiries6Months", unit="count", maximum=1_000),
        Characteristic(name="openAccounts", unit="count", maximum=10_000),
        Characteristic(name="totalAccounts", unit="count", maximum=10_000),
        Characteristic(name="publicRecords", unit="count", maximum=1_000),
        Characteristic(name="revolvingBalance", unit="currency", maximum=1_000_000_000),
        Characteristic(name="revolvingUtilization", unit="% of the limit", maximum=1_000),
        Characteristic(name="earliestCreditLine", kind="month", unit="months of credit history", maximum=1_200),
        Characteristic(name="amount", group="loan", unit="currency", minimum=500, maximum=1_000_000),
        Characteristic(name="termMonths", group="loan", unit="months", minimum=6, maximum=120),
        Characteristic(
            name="purpose",
            group="loan",
            kind="category",
            known=(
                "car",
                "creditCard",
                "debtConsolidation",
                "educational",
                "homeImprovement",
                "house",
                "majorPurchase",
                "medical",
                "moving",
                "other",
                "renewableEnergy",
                "smallBusiness",
                "vacation",
                "wedding",
            ),
        ),
        Characteristic(name="interestRate", group="loan", unit="% a year", maximum=1_000),
        Characteristic(name="grade", group="loan", kind="category", known=("A", "B", "C", "D", "E", "F", "G")),
    )
}


def months_between(start: str, end: str) -> int:
    """The months from one month (YYYY-MM) to another. Raises `ValueError` for what is no month."""
    if not _MONTH.match(start) or not _MONTH.match(end):
        raise ValueError("Expected a month: YYYY-MM")
    return (int(end[:4]) - int(start[:4])) * 12 + int(end[5:7]) - int(start[5:7])
