"""What applications, segments, reviews and outcomes add to counters, and how they are stored."""

import pytest

from lambda_src.credit_risk.counters import (
    SHARDS,
    Counters,
    Outcome,
    ScoreFacts,
    add,
    fine_band,
    fine_bands,
    negative,
    outcome_counts,
    review_counts,
    score_counts,
    segment_counts,
)
from lambda_src.shared.context import Deadline
from lambda_src.shared.errors import DeadlineExceeded
from tests.fakes import FakeTable
from tests.lambda_src.credit_risk.stage import with_metrics
from tests.lambda_src.credit_risk.world import BAD, GOOD, MONTH, scorecard

CARD = scorecard(with_metrics())
FACTS = ScoreFacts(
    score_id="s",
    model="m",
    date="2026-01-05",
    score=600,
    probability_of_default=0.25,
    loss_given_default=0.9,
    exposure=6_000,
    expected_loss=1_350,
    amount=10_000,
)


def test_an_application_counts_in_its_band_and_in_a_class_of_each_characteristic() -> None:
    result = CARD.score(BAD, MONTH)
    counts = score_counts(CARD, result, "decline", BAD)

    assert counts["n"] == counts["rec:decline"] == counts["band:0"] == 1
    assert counts["score"] == result.score
    assert counts["pd"] == round(result.probability_of_default * 1_000_000)
    assert [name for name in counts if name.startswith("class:")] == [
        "class:annualIncome:0",
        "class:inquiries6Months:2",
        "class:purpose:1",
        "class:homeOwnership:1",
        "class:earliestCreditLine:0",
        "class:termMonths:1",
    ]
    assert "missing:grade" in counts
    assert "missing:purpose" not in counts


def test_a_missing_value_has_the_class_after_the_last() -> None:
    values = {**GOOD, "inquiries6Months": None}
    counts = score_counts(CARD, CARD.score(values, MONTH), "approve", values)

    assert counts["class:inquiries6Months:3"] == counts["missing:inquiries6Months"] == 1


def test_a_model_without_reference_has_no_bands() -> None:
    plain = scorecard()

    assert not [name for name in score_counts(plain, plain.score(GOOD, MONTH), "approve", GOOD) if "band" in name]


def test_segments_count_approvals() -> None:
    assert segment_counts("north", "approve") == {"n:north": 1, "a:north": 1}
    assert segment_counts("north", "refer") == {"n:north": 1, "a:north": 0}


def test_reviews_count_scores_and_not_opinions() -> None:
    assert review_counts(first=True, overturned=1) == {"reviewed": 1, "overturned": 1}
    assert review_counts(first=False, overturned=0) == {}
    assert review_counts(first=False, overturned=-1) == {"overturned": -1}


def test_an_outcome_counts_what_was_predicted_and_what_came() -> None:
    band = fine_band(CARD.model.card, 600)
    paid = outcome_counts(CARD, FACTS, Outcome(defaulted=False))
    assert paid == {
        "n": 1,
        "pd": 250_000,
        "cn:1": 1,
        "cp:1": 250_000,
        f"a:{band}": 1_000_000,
        f"e:{band}": 135_000,
        f"g:{band}": 1,
    }
    lost = outcome_counts(CARD, FACTS, Outcome(defaulted=True, balance=5_000, recovered=1_000))
    assert lost[f"b:{band}"] == lost["bads"] == lost["cb:1"] == lost["defaults"] == 1
    assert f"g:{band}" not in lost
    assert (lost["exposurePredicted"], lost["exposureObserved"]) == (600_000, 500_000)
    assert (lost["lossPredicted"], lost["lossObserved"], lost[f"l:{band}"]) == (450_000, 400_000, 400_000)


def test_a_default_with_unknown_amounts_says_nothing_of_losses() -> None:
    for outcome in (Outcome(defaulted=True), Outcome(defaulted=True, balance=5_000)):
        counts = outcome_counts(CARD, FACTS, outcome)
        assert counts["bads"] == 1
        assert "lossObserved" not in counts


def test_more_than_everything_recovered_is_no_negative_loss() -> None:
    assert outcome_counts(CARD, FACTS, Outcome(defaulted=True, balance=100, recovered=120))["lossObserved"] == 0


def test_a_corrected_outcome_takes_the_old_one_back() -> None:
    sums: dict[str, int] = {}
    paid = outcome_counts(CARD, FACTS, Outcome(defaulted=False))
    lost = outcome_counts(CARD, FACTS, Outcome(defaulted=True))
    for counts in (paid, negative(paid), lost):
        add(sums, counts)

    assert {name: value for name, value in sums.items() if value} == lost


def test_every_score_of_a_card_has_a_fine_band() -> None:
    card = CARD.model.card

    assert {fine_band(card, score) for score in range(card.minimum, card.maximum + 1)} == {*range(fine_bands(card))}


def test_counters_are_spread_over_shards_and_read_by_day() -> None:
    table = FakeTable()
    counters = Counters("table", table)
    for day in ("2026-01-31", "2026-02-01", "2026-02-02"):
        for _ in range(100):
            counters.add("m", day, "scores", {"n": 1})
    counters.add("m", "2026-02-01", "outcomes", {"n": 1})
    counters.add("other", "2026-02-01", "scores", {"n": 1})

    assert 3 * SHARDS / 2 < len(table.items) <= 3 * SHARDS + 2
    rows = list(counters.read("m", "2026-01-31", "2026-02-01", Deadline(27)))
    assert sum(row.counts["n"] for row in rows if row.subject == "scores") == 200
    assert sum(row.counts["n"] for row in rows if row.subject == "outcomes") == 1
    assert sum(row.counts["n"] for row in counters.read_all("m", Deadline(27))) == 301


def test_many_counters_need_several_updates() -> None:
    table = FakeTable()
    counts = {f"a:{number}": number for number in range(1, 251)}
    sizes = []
    update = table.update_item
    table.update_item = lambda **request: (sizes.append(len(request["UpdateExpression"])), update(**request))[1]  # type: ignore[method-assign]
    Counters("table", table, shard=lambda: 3).add("m", "2026-01-01", "outcomes", counts)

    (item,) = table.items.values()
    assert item["a:250"] == {"N": "250"}
    assert len(sizes) == 3
    assert max(sizes) < 4_096


def test_reading_ends_before_the_request_does() -> None:
    with pytest.raises(DeadlineExceeded):
        list(Counters("table", FakeTable()).read_all("m", Deadline(1)))
