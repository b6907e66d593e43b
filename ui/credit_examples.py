"""Credit risk: example applications, and example files of each kind of batch."""

import csv
import io
from collections.abc import Mapping, Sequence
from typing import Any

from ui.credit_fields import FIELDS

_STRONG = {
    "amount": 8_000.0, "termMonths": 36, "purpose": "car", "interestRate": 7.5, "grade": "A",
    "annualIncome": 95_000.0, "employmentYears": 10.0, "homeOwnership": "mortgage",
    "incomeVerification": "verified", "debtToIncome": 6.2,
    "delinquencies2Years": 0, "inquiries6Months": 0, "openAccounts": 11, "totalAccounts": 27, "publicRecords": 0,
    "revolvingBalance": 4_100.0, "revolvingUtilization": 14.5, "earliestCreditLine": "1996-05",
}  # fmt: skip
_AVERAGE = {
    **_STRONG, "amount": 12_000.0, "purpose": "debtConsolidation", "interestRate": 12.4, "grade": "B",
    "annualIncome": 62_000.0, "employmentYears": 4.0, "homeOwnership": "rent", "debtToIncome": 14.0,
    "inquiries6Months": 1, "openAccounts": 9, "totalAccounts": 19, "revolvingBalance": 11_800.0,
    "revolvingUtilization": 52.0, "earliestCreditLine": "2001-09",
}  # fmt: skip
_WEAK = {
    **_AVERAGE, "amount": 18_000.0, "termMonths": 60, "purpose": "smallBusiness", "interestRate": 19.2, "grade": "F",
    "annualIncome": 24_000.0, "employmentYears": 1.0, "incomeVerification": "notVerified", "debtToIncome": 24.5,
    "delinquencies2Years": 1, "inquiries6Months": 5, "openAccounts": 6, "publicRecords": 1,
    "revolvingBalance": 16_300.0, "revolvingUtilization": 93.0, "earliestCreditLine": "2006-02",
}  # fmt: skip
EXAMPLES: Mapping[str, Mapping[str, Any]] = {"strong": _STRONG, "average": _AVERAGE, "weak": _WEAK}
_OUTCOMES = (
    {"applicationId": "A-1", "status": "paid"},
    {"applicationId": "A-2", "status": "paid"},
    {
        "applicationId": "A-3", "status": "defaulted", "defaultedAt": "2026-11-15", "balanceAtDefault": 9_000,
        "recovered": 500,
    },
)  # fmt: skip
# As in Lending Club's files.
_LOANS = (
    {
        "issue_d": "2011-03", "term": 36, "funded_amnt": 12_000, "int_rate": 12.4, "grade": "B",
        "emp_length": "4 years",
        "home_ownership": "RENT", "annual_inc": 62_000, "verification_status": "Verified",
        "purpose": "debt_consolidation", "dti": 14, "delinq_2yrs": 0, "earliest_cr_line": "2001-09",
        "inq_last_6mths": 1, "open_acc": 9, "pub_rec": 0, "revol_bal": 11_800, "revol_util": 52, "total_acc": 19,
        "loan_status": "Fully Paid", "total_rec_prncp": 12_000, "recoveries": 0,
    },
    {
        "issue_d": "2011-04", "term": 60, "funded_amnt": 18_000, "int_rate": 19.2, "grade": "F",
        "emp_length": "1 year",
        "home_ownership": "RENT", "annual_inc": 24_000, "verification_status": "Not Verified",
        "purpose": "small_business", "dti": 24.5, "delinq_2yrs": 1, "earliest_cr_line": "2006-02",
        "inq_last_6mths": 5, "open_acc": 6, "pub_rec": 1, "revol_bal": 16_300, "revol_util": 93, "total_acc": 19,
        "loan_status": "Charged Off", "total_rec_prncp": 3_200, "recoveries": 410,
    },
)  # fmt: skip


def file(purpose: str) -> str:
    """A CSV file with all columns of this kind of batch (docs/api.md) and a few rows."""
    if purpose == "outcomes":
        return _csv([*_OUTCOMES[-1]], _OUTCOMES)
    if purpose == "training":
        return _csv([*_LOANS[0]], _LOANS)
    rows = [{"applicationId": f"A-{number}", **example} for number, example in enumerate(EXAMPLES.values(), 1)]
    return _csv(["applicationId", *(field.name for field in FIELDS)], rows)


def _csv(columns: Sequence[str], rows: Sequence[Mapping[str, Any]]) -> str:
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue()
