"""The models of what is lost when a loan defaults: loss given default in two stages, and the exposure.

Application data hardly predict recoveries. The strongest term of many published models, the age of the loan at the
snapshot, is known of no applicant. What counts here are right averages.
"""

from collections.abc import Collection

import numpy as np

from lambda_src.credit_risk.characteristics import CHARACTERISTICS
from lambda_src.credit_risk.model import DefaultShare, LossGivenDefault, Regression, Term
from lambda_src.credit_risk.training.loans import Floats, Loans
from lambda_src.credit_risk.training.predictions import bounded, has_category
from lambda_src.credit_risk.training.regression import Family, Fit, SeparationError, eliminate
from lambda_src.credit_risk.training.rounding import rounded

# Sales of charged-off debt bring a little for nearly every loan: a recovery is more than this share of the exposure.
RECOVERY_THRESHOLD = 0.02
# A regression needs as many loans, and a term of categories this share of them.
_MINIMUM_LOANS = 100
_MINIMUM_SHARE = 0.05
_QUANTILES = (0.01, 0.99)
# A loan is in default 90 days after its first unpaid installment: four months after the last payment.
_MONTHS_TO_DEFAULT = 4


def loss_given_default(bad: Loans, excluded: Collection[str], maximum_p_value: float) -> LossGivenDefault:
    """Fits both stages. `bad`: defaulted loans."""
    owed = bad.only(bad.exposure > 0)
    rates = recovery_rates(owed)
    recovers = rates > RECOVERY_THRESHOLD
    recovered = owed.only(recovers)
    return LossGivenDefault(
        threshold=RECOVERY_THRESHOLD,
        recovers=_regression("logistic", owed, recovers.astype(np.float64), excluded, maximum_p_value),
        rate=_regression("linear", recovered, rates[recovers], excluded, maximum_p_value),
        small=rounded(float(rates[~recovers].mean()) if not recovers.all() else 0.0),
    )


def exposure_at_default(bad: Loans, excluded: Collection[str], maximum_p_value: float) -> Regression:
    """Fits the credit conversion factor: exposure / amount. `bad`: defaulted loans."""
    return _regression("linear", bad, conversion_factors(bad), excluded, maximum_p_value)


def recovery_rates(owed: Loans) -> Floats:
    """What was recovered, as a fraction of the exposure, which must not be 0: from 0 to 1."""
    result: Floats = np.clip(owed.recovered / owed.exposure, 0.0, 1.0)
    return result


def conversion_factors(bad: Loans) -> Floats:
    """The exposure as a fraction of the amount."""
    result: Floats = bad.exposure / bad.amounts
    return result


def default_timing(bad: Loans) -> list[DefaultShare]:
    """The share of the defaults within 12 months, for each term with enough defaults to tell."""
    shares = []
    terms = bad.numbers["termMonths"]
    for term in np.unique(terms):
        rows = (terms == term) & (bad.stopped >= 0)
        if rows.sum() >= _MINIMUM_LOANS:
            within = bad.stopped[rows] - bad.issued[rows] + _MONTHS_TO_DEFAULT <= 12
            shares.append(DefaultShare(term_months=int(term), share=rounded(float(within.mean()))))
    return shares


def _regression(
    family: Family, loans: Loans, outcome: Floats, excluded: Collection[str], maximum_p_value: float
) -> Regression:
    """Fits, with the terms that are no chance; few loans and equal outcomes give the mean."""
    mean = float(outcome.mean()) if len(outcome) else 0.0
    if len(outcome) < _MINIMUM_LOANS or not outcome.std():
        return _constant(family, mean)
    terms, columns = _candidates(loans, excluded)
    if not terms:
        return _constant(family, mean)
    try:
        left, fit, _dropped = eliminate(family, np.column_stack(columns), outcome, maximum_p_value)
    except SeparationError:
        return _constant(family, mean)
    return Regression(
        intercept=rounded(float(fit.coefficients[0])),
        terms=[_fitted(terms[index], fit, place) for place, index in enumerate(left, start=1)],
    )


def _constant(family: Family, mean: float) -> Regression:
    if family == "logistic":
        mean = min(max(mean, 1e-4), 1 - 1e-4)
        return Regression(intercept=rounded(float(np.log(mean / (1 - mean)))))
    return Regression(intercept=rounded(mean))


def _fitted(term: Term, fit: Fit, place: int) -> Term:
    return Term(
        name=term.name,
        coefficient=rounded(float(fit.coefficients[place])),
        values=term.values,
        minimum=term.minimum,
        maximum=term.maximum,
        missing=term.missing,
        standard_error=rounded(float(fit.standard_errors[place])),
        p_value=rounded(float(fit.p_values[place])),
    )


def _candidates(loans: Loans, excluded: Collection[str]) -> tuple[list[Term], list[Floats]]:
    """All terms that might predict, with their columns. The coefficients are 0."""
    terms: list[Term] = []
    columns: list[Floats] = []
    for name in CHARACTERISTICS:
        if name in excluded:
            continue
        if name in loans.numbers:
            values = loans.numbers[name]
            known = values[~np.isnan(values)]
            if len(known):
                low, high = (rounded(float(bound)) for bound in np.quantile(known, _QUANTILES))
                missing = rounded(float(np.clip(known, low, high).mean()))
                terms.append(Term(name=name, coefficient=0, minimum=low, maximum=high, missing=missing))
                columns.append(bounded(loans, name, low, high, missing))
        elif name in loans.categories:
            for value in _frequent(loans, name):
                terms.append(Term(name=name, coefficient=0, values=[value]))
                columns.append(has_category(loans, name, [value]))
    return terms, columns


def _frequent(loans: Loans, name: str) -> list[str]:
    """The categories with enough loans but the most frequent one, which the others are compared with."""
    codes = loans.categories[name]
    counts = np.bincount(codes[codes >= 0], minlength=len(loans.names[name]))
    frequent = [code for code in range(len(counts)) if counts[code] >= _MINIMUM_SHARE * len(loans)]
    base = int(np.argmax(counts)) if len(counts) else -1
    return [loans.names[name][code] for code in frequent if code != base]
