"""Which of the expected qualities a model has: those that cards on loans of this kind reach, measured on loans it has
not seen.

There is no line for the R2 of the loss given default: application data hardly predict recoveries, and models that seem
to know the loan's age, which no applicant has. What counts are right averages.
"""

from collections.abc import Iterator, Mapping, Sequence

import msgspec

from lambda_src.credit_risk.measures import auroc_interval
from lambda_src.credit_risk.model import Metrics, Model, Pair, Period, Set

TESTED = ("holdout", "outOfTime")
_SET_NAMES: Mapping[Set, str] = {
    "training": "training",
    "holdout": "held out",
    "outOfTime": "out of time",
    "later": "later",
}


class Line(msgspec.Struct, frozen=True):
    """One expectation."""

    text: str
    value: str
    holds: bool


def lines(model: Model) -> list[Line]:
    """All expectations of a model with performance."""
    if model.performance is None:
        return []
    result = [line for metrics in model.performance.metrics if metrics.set in TESTED for line in _of_set(metrics)]
    return [*result, *_of_periods(model.performance.periods)]


def table(model: Model, later: Metrics | None = None) -> str:
    """The figures by set."""
    metrics = [*(model.performance.metrics if model.performance else ()), *([later] if later else ())]
    head = "set           loans   bad    PD     AUROC (95 %)          Gini   KS     EL     loss   LGD p/o      CCF p/o"
    return "\n".join([head, *(_row(entry) for entry in metrics)])


def markdown(models: Mapping[str, Model]) -> str:
    """The figures of several models by set, as a Markdown table."""
    rows = [
        "| model | loans | count | bad | mean PD | AUROC | Gini | KS | EL | loss | LGD predicted, actual |",
        "|---|---|---:|---:|---:|---:|---:|---:|---:|---:|---|",
    ]
    for name, model in models.items():
        for metrics in model.performance.metrics if model.performance else ():
            rows.append(
                f"| {name} | {_SET_NAMES[metrics.set]} | {metrics.loans:,} | {metrics.bads / metrics.loans:.1%} "
                f"| {metrics.mean_probability_of_default:.1%} | {metrics.auroc:.3f} | {2 * metrics.auroc - 1:.3f} "
                f"| {metrics.ks:.3f} | {metrics.expected_loss_rate:.1%} | {metrics.loss_rate:.1%} "
                f"| {_pair(metrics.loss_given_default)} |"
            )
    return "\n".join(rows)


def period_table(periods: Sequence[Period]) -> str:
    """The quarters after the training set, each with the characteristics that moved most."""
    rows = ["quarter  loans   bad    PD     AUROC  PSI    largest CSI"]
    for period in periods:
        shifts = sorted(period.characteristics, key=lambda shift: -shift.psi)[:3]
        moved = ", ".join(f"{shift.name} {shift.psi:.2f}" for shift in shifts)
        area = "     -" if period.auroc is None else f"{period.auroc:.4f}"
        rows.append(
            f"{period.period}  {period.loans:6,} {period.bads / period.loans:6.1%} "
            f"{period.mean_probability_of_default:6.1%} {area} {period.score_psi:6.3f}  {moved}"
        )
    return "\n".join(rows)


def _row(metrics: Metrics) -> str:
    low, high = auroc_interval(metrics.auroc, metrics.loans - metrics.bads, metrics.bads)
    return (
        f"{metrics.set:11} {metrics.loans:7,} {metrics.bads / metrics.loans:6.2%} "
        f"{metrics.mean_probability_of_default:6.2%} {metrics.auroc:.4f} ({low:.3f}-{high:.3f}) "
        f"{2 * metrics.auroc - 1:8.4f} {metrics.ks:.4f} {metrics.expected_loss_rate:6.2%} {metrics.loss_rate:6.2%} "
        f"{_pair(metrics.loss_given_default)}  {_pair(metrics.credit_conversion_factor)}"
    )


def _of_set(metrics: Metrics) -> Iterator[Line]:
    name = metrics.set
    for label, value, least in (
        ("AUROC", metrics.auroc, 0.69),
        ("Gini", 2 * metrics.auroc - 1, 0.38),
        ("KS", metrics.ks, 0.285),
        ("AUROC of recovering", metrics.recovers_auroc or 0.0, 0.6),
    ):
        yield Line(f"{name}: {label} >= {least}", f"{value:.4f}", value >= least)
    bad_rate = metrics.bads / metrics.loans
    for label, predicted, observed, limit in (
        ("mean PD / default rate", metrics.mean_probability_of_default, bad_rate, 0.07),
        ("expected / actual loss", metrics.expected_loss_rate, metrics.loss_rate, 0.05),
    ):
        ratio = predicted / observed if observed else 0.0
        yield Line(f"{name}: {label} within {limit:.0%}", f"{ratio:.4f}", abs(ratio - 1) <= limit)
    for label, pair in (("LGD", metrics.loss_given_default), ("CCF", metrics.credit_conversion_factor)):
        difference = pair.predicted - pair.observed if pair else 1.0
        yield Line(f"{name}: mean {label} within 0.015", f"{difference:+.4f}", abs(difference) <= 0.015)
    psi = 1.0 if metrics.score_psi is None else metrics.score_psi
    limit = 0.01 if name == "holdout" else 0.1
    yield Line(f"{name}: score PSI < {limit}", f"{psi:.4f}", psi < limit)


def _of_periods(periods: Sequence[Period]) -> Iterator[Line]:
    """The launch of another term must be seen."""
    for period in periods:
        moved = {shift.name: shift.psi for shift in period.characteristics}.get("termMonths", 0.0)
        yield Line(f"{period.period}: CSI of termMonths > 0.1", f"{moved:.3f}", moved > 0.1)
        yield Line(f"{period.period}: score PSI < 0.1", f"{period.score_psi:.3f}", period.score_psi < 0.1)


def _pair(pair: Pair | None) -> str:
    return f"{pair.predicted:.3f}/{pair.observed:.3f}" if pair else "          -"
