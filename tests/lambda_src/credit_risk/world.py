"""A small model, as its JSON, and an application for it."""

import copy
from typing import Any

import msgspec

from lambda_src.credit_risk.scorecard import Scorecard, parse

# A copy of it for each test: `model_json()`.
_MODEL: dict[str, Any] = {
    "format": "credit-scorecard/1",
    "name": "Small",
    "currency": "BRL",
    "card": {
        "basePoints": 600,
        "minimum": 300,
        "maximum": 850,
        "pointsToDoubleOdds": 69.3147,
        "probabilityOfDefault": {"offset": 500, "factor": 100},
        "characteristics": [
            {
                "name": "annualIncome",
                "classes": [{"below": 30_000, "points": -50}, {"below": 70_000, "points": 0}, {"points": 20}],
                "averagePoints": 1.5,
            },
            {
                "name": "inquiries6Months",
                "classes": [{"below": 1, "points": 25}, {"below": 3, "points": 2}, {"points": -6}],
                "missing": {"points": 3},
                "averagePoints": 3.4,
            },
            {
                "name": "purpose",
                "classes": [{"values": ["car", "wedding"], "points": 30}, {"values": ["other"], "points": -10}],
                "averagePoints": 0,
            },
            {
                "name": "homeOwnership",
                "classes": [{"values": ["own"], "points": 5}, {"values": ["rent"], "points": -20}],
                "missing": {"points": 0},
                "averagePoints": 0.2,
            },
            {
                "name": "earliestCreditLine",
                "classes": [{"below": 24, "points": -15}, {"points": 10}],
                "averagePoints": 2,
            },
            {
                "name": "termMonths",
                "classes": [{"below": 60, "points": 9}, {"points": -36}],
                "averagePoints": 4,
            },
        ],
    },
    "lossGivenDefault": {
        "threshold": 0.02,
        "recovers": {
            "intercept": 0.5,
            "terms": [
                {"name": "amount", "coefficient": -0.00001, "minimum": 1_000, "maximum": 20_000},
                {"name": "purpose", "coefficient": 0.2, "values": ["car"]},
            ],
        },
        "rate": {"intercept": 0.2},
        "small": 0.004,
    },
    "exposureAtDefault": {
        "intercept": 0.5,
        "terms": [{"name": "interestRate", "coefficient": 0.01, "missing": 12}],
    },
    "defaultTiming": [{"termMonths": 36, "share": 0.25}, {"termMonths": 60, "share": 0.15}],
    "trainingRanges": {"amount": {"minimum": 500, "maximum": 25_000}},
}
GOOD = {
    "annualIncome": 80_000,
    "inquiries6Months": 0,
    "purpose": "car",
    "homeOwnership": "own",
    "earliestCreditLine": "1999-03",
    "amount": 10_000,
    "termMonths": 36,
}
BAD = {
    "annualIncome": 20_000,
    "inquiries6Months": 4,
    "purpose": "other",
    "homeOwnership": "rent",
    "earliestCreditLine": "2026-01",
    "amount": 10_000,
    "termMonths": 60,
}
MONTH = "2026-11"


def model_json() -> dict[str, Any]:
    return copy.deepcopy(_MODEL)


def scorecard(model: dict[str, Any] | None = None) -> Scorecard:
    return parse(msgspec.json.encode(model or _MODEL))
