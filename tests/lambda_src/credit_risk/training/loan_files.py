"""Files of loans, small or made by chance with a known rule."""

import io
import random
from collections.abc import Iterable, Mapping

from lambda_src.credit_risk.training.reading import LoanFile, read

ROW: Mapping[str, str] = {
    "id": "1",
    "issue_d": "2010-03",
    "funded_amnt": "5000",
    "term": "36",
    "int_rate": "11.5",
    "grade": "B",
    "emp_length": "3 years",
    "home_ownership": "RENT",
    "annual_inc": "48000",
    "verification_status": "Not Verified",
    "purpose": "debt_consolidation",
    "dti": "14.2",
    "inq_last_6mths": "1",
    "earliest_cr_line": "1999-02",
    "loan_status": "Fully Paid",
    "last_pymnt_d": "2013-03",
    "total_rec_prncp": "5000",
    "recoveries": "0",
}


def csv_of(*rows: Mapping[str, str]) -> bytes:
    """A file with the columns of the first row."""
    columns = list(rows[0])
    lines = [",".join(columns), *(",".join(row.get(column, "") for column in columns) for row in rows)]
    return ("\n".join(lines) + "\n").encode()


def read_rows(rows: Iterable[Mapping[str, str]]) -> LoanFile:
    return read(io.BytesIO(csv_of(*rows)))


def many(count: int, seed: int = 1, **fixed: str) -> list[dict[str, str]]:
    """Loans of 2008 to 2011. Low incomes, many inquiries and small businesses default more often."""
    generator = random.Random(seed)
    rows = []
    for number in range(1, count + 1):
        income = round(generator.lognormvariate(10.9, 0.5))
        inquiries = min(generator.randrange(8), generator.randrange(8))
        purpose = generator.choice(["car", "credit_card", "other", "small_business"])
        chance = 0.1 + 0.15 * (income < 40_000) + 0.04 * inquiries + 0.15 * (purpose == "small_business")
        bad = generator.random() < chance
        amount = generator.randrange(1_000, 25_000, 25)
        month = 12 * 2008 + generator.randrange(48)
        rows.append(
            {
                **ROW,
                "id": str(number),
                "issue_d": f"{month // 12}-{month % 12 + 1:02}",
                "funded_amnt": str(amount),
                "annual_inc": str(income),
                "inq_last_6mths": str(inquiries),
                "purpose": purpose,
                "earliest_cr_line": "",
                "dti": str(round(generator.uniform(0, 30), 2)),
                "loan_status": "Charged Off" if bad else "Fully Paid",
                "last_pymnt_d": "2011-12",
                "total_rec_prncp": str(round(amount * generator.random() if bad else amount, 2)),
                "recoveries": str(round(amount * generator.random() * 0.2, 2) if bad else 0),
                **fixed,
            }
        )
    return rows
