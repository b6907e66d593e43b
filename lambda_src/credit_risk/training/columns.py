"""The columns of a file of loans, as LendingClub and Kaggle name and write them.

What is known only after a loan was made decides whether it is good and what was lost; it never describes an applicant.
So does the time since the loan was made (`mths_since_issue_d` in other trainings): no applicant has it.
"""

import math
import re
from collections.abc import Callable, Mapping

from lambda_src.credit_risk.characteristics import CHARACTERISTICS

# Column -> characteristic. The amount is `funded_amnt`, or `loan_amnt` in a file without it.
CHARACTERISTIC_COLUMNS: Mapping[str, str] = {
    "annual_inc": "annualIncome",
    "emp_length": "employmentYears",
    "home_ownership": "homeOwnership",
    "verification_status": "incomeVerification",
    "dti": "debtToIncome",
    "delinq_2yrs": "delinquencies2Years",
    "inq_last_6mths": "inquiries6Months",
    "open_acc": "openAccounts",
    "total_acc": "totalAccounts",
    "pub_rec": "publicRecords",
    "revol_bal": "revolvingBalance",
    "revol_util": "revolvingUtilization",
    "earliest_cr_line": "earliestCreditLine",
    "term": "termMonths",
    "purpose": "purpose",
    "int_rate": "interestRate",
    "grade": "grade",
}
REQUIRED = ("issue_d", "term", "loan_status", "total_rec_prncp", "recoveries")
AMOUNTS = ("funded_amnt", "loan_amnt")
_POLICY = "Does not meet the credit policy. Status:"
_STATUS = {"Fully Paid": False, "Charged Off": True, "Default": True}
_BLANK = frozenset({"", "n/a", "N/A", "NA", "nan", "NaN", "null"})
_MONTH_NAMES = {
    name: number
    for number, name in enumerate(
        ("jan", "feb", "mar", "apr", "may", "jun", "jul", "aug", "sep", "oct", "nov", "dec"), start=1
    )
}
_YEAR_FIRST = re.compile(r"([0-9]{4})-([0-9]{2})(?:-[0-9]{2})?")
_MONTH_FIRST = re.compile(r"([A-Za-z]{3})-([0-9]{4}|[0-9]{2})")
_TERM = re.compile(r"([0-9]{1,4})(?: months)?")
_EMPLOYMENT = re.compile(r"(?:< (?=1 year))?([0-9]{1,2})\+?(?: years?)?")
_NUMBER = re.compile(r"[+-]?[0-9]{1,15}(?:\.[0-9]{1,15})?(?:[eE][+-]?[0-9]{1,2})?")
_WORD = re.compile(r"[A-Za-z0-9]{1,40}")
# Two digits of a year: no credit history is older, no loan later.
_CENTURY = 44


class NotFinishedError(Exception):
    """The loan is still running: nobody knows yet whether it is good."""


def is_blank(text: str) -> bool:
    return text in _BLANK


def to_bad(text: str) -> bool:
    """Whether a loan was charged off. Raises `NotFinishedError` for one that is neither paid back nor charged off."""
    status = _STATUS.get(text.removeprefix(_POLICY).strip())
    if status is None:
        raise NotFinishedError
    return status


def to_number(text: str) -> float:
    """A number, possibly with `%`. Raises `ValueError`."""
    match = _NUMBER.fullmatch(text.removesuffix("%").strip())
    if not match:
        raise ValueError("is no number")
    return float(match[0])


def to_month(text: str) -> int:
    """A month (`2011-12`, `2011-12-01`, `Dec-2011`, `Dec-11`) as months since year 0. Raises `ValueError`."""
    if match := _YEAR_FIRST.fullmatch(text):
        year, month = int(match[1]), int(match[2])
    elif match := _MONTH_FIRST.fullmatch(text):
        year, month = int(match[2]), _MONTH_NAMES.get(match[1].lower(), 0)
        if len(match[2]) == 2:
            year += 1900 if year >= _CENTURY else 2000
    else:
        raise ValueError("is no month")
    if not 1 <= month <= 12 or not 1900 <= year < 2100:
        raise ValueError("is no month")
    return year * 12 + month - 1


def from_month(month: int) -> str:
    """The month as YYYY-MM."""
    return f"{month // 12:04}-{month % 12 + 1:02}"


def to_category(text: str) -> str:
    """A category as the API writes it: `debt_consolidation` -> `debtConsolidation`. Raises `ValueError`."""
    words = _WORD.findall(text[:200])
    if len(words) == 1 and len(words[0]) == 1:
        return str(words[0].upper())
    name = "".join(word.lower() if index == 0 else word.capitalize() for index, word in enumerate(words))
    if not name or not name[0].isalpha() or len(name) > 40:
        raise ValueError("is no category")
    return name


def _to_term(text: str) -> float:
    match = _TERM.fullmatch(text)
    if not match:
        raise ValueError("is no term in months")
    return float(match[1])


def _to_employment(text: str) -> float:
    """Years: 0 for less than one, 10 for ten and more."""
    match = _EMPLOYMENT.fullmatch(text)
    if not match:
        raise ValueError("is no length of employment")
    return 0.0 if text.startswith("<") else float(match[1])


def _within(name: str, convert: Callable[[str], float]) -> Callable[[str], float]:
    """Refuses what the API would refuse."""
    low, high = CHARACTERISTICS[name].minimum, CHARACTERISTICS[name].maximum

    def checked(text: str) -> float:
        value = convert(text)
        if not low <= value <= high:
            raise ValueError(f"is not from {low:,.12g} to {high:,.12g}")
        return value

    return checked


def _positive(text: str) -> float:
    value = to_number(text)
    if not 0 <= value < math.inf:
        raise ValueError("is negative")
    return value


_SPECIAL: Mapping[str, Callable[[str], float]] = {"term": _to_term, "emp_length": _to_employment}
# Column -> number. Raises `ValueError`, whose message follows the column's name.
NUMBERS: Mapping[str, Callable[[str], float]] = {
    **{
        column: _within(name, _SPECIAL.get(column, to_number))
        for column, name in CHARACTERISTIC_COLUMNS.items()
        if CHARACTERISTICS[name].kind == "number"
    },
    **{column: _within("amount", to_number) for column in AMOUNTS},
    **dict.fromkeys(("total_rec_prncp", "recoveries"), _positive),
}
