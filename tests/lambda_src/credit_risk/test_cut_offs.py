import msgspec
import pytest

from lambda_src.credit_risk.cut_offs import CutOffError, cut_offs, find_histogram, simulate
from lambda_src.credit_risk.model import Histogram
from lambda_src.credit_risk.sample_models import read
from lambda_src.credit_risk.validation import decode
from tests.lambda_src.credit_risk.world import scorecard

HISTOGRAM = Histogram(
    first=600,
    width=10,
    goods=[10, 20, 30, 40],
    bads=[10, 5, 4, 1],
    amounts=[20_000, 25_000, 34_000, 41_000],
    expected_losses=[8_000, 4_000, 3_000, 1_000],
    losses=[9_000, 4_000, 3_000, 0],
)


def test_a_row_by_hand() -> None:
    row = simulate(HISTOGRAM, cut_off=620)

    assert row.cut_off == 620
    assert row.approval_rate == pytest.approx(75 / 120)
    assert row.bad_rate_approved == pytest.approx(5 / 75)
    assert row.bad_rate_rejected == pytest.approx(15 / 45)
    assert row.expected_loss_rate_approved == pytest.approx(4_000 / 75_000)
    assert row.loss_rate_approved == pytest.approx(3_000 / 75_000)
    assert row.goods_rejected_rate == pytest.approx(30 / 100)
    assert row.margin_rate is None


def test_the_table_has_a_row_a_step() -> None:
    table = cut_offs(HISTOGRAM, 10)

    assert [row.cut_off for row in table.items] == [600, 610, 620, 630]
    assert [row.cut_off for row in cut_offs(HISTOGRAM, 15).items] == [600, 620]
    assert table.ks.at == 620
    assert table.ks.value == pytest.approx(0.75 - 0.3)
    assert table.items[0].approval_rate == 1


@pytest.mark.parametrize(
    ("cut_off", "evaluated", "approval"),
    [(615, 610, 100 / 120), (300, 300, 1), (640, 640, 0), (850, 850, 0)],
)
def test_a_cut_off_between_bands_is_rounded_down(cut_off: int, evaluated: int, approval: float) -> None:
    row = simulate(HISTOGRAM, cut_off=cut_off)

    assert (row.cut_off, row.approval_rate) == (evaluated, pytest.approx(approval))


def test_rates_of_nothing_are_none() -> None:
    none, everyone = simulate(HISTOGRAM, cut_off=700, margin=0.1), simulate(HISTOGRAM, cut_off=0)

    assert none.bad_rate_approved is none.expected_loss_rate_approved is none.margin_rate is None
    assert everyone.bad_rate_rejected is None


@pytest.mark.parametrize(
    ("wish", "cut_off"),
    [
        ({"approval_rate": 0.6}, 620),
        ({"approval_rate": 1.0}, 600),
        ({"maximum_bad_rate": 0.1}, 610),
        ({"maximum_bad_rate": 1.0}, 600),
        ({"maximum_bad_rate": 0.05}, 630),
        ({"maximum_expected_loss_rate": 0.06}, 620),
    ],
)
def test_a_wish_finds_its_cut_off(wish: dict[str, float], cut_off: int) -> None:
    assert simulate(HISTOGRAM, **wish).cut_off == cut_off  # type: ignore[arg-type]


def test_the_margin_is_what_is_left() -> None:
    row = simulate(HISTOGRAM, cut_off=620, margin=0.1)

    assert row.margin_rate == pytest.approx(0.1 - 4_000 / 75_000)


@pytest.mark.parametrize(
    ("wish", "reason"),
    [
        ({"maximum_bad_rate": 0.001}, "not even the best scores"),
        ({"maximum_expected_loss_rate": 0.001}, "not even the best scores"),
        ({}, "exactly one"),
        ({"cut_off": 600, "approval_rate": 0.5}, "exactly one"),
        ({"approval_rate": 1.01}, "no cut-off approves as much"),
    ],
)
def test_a_wish_that_cannot_be_met(wish: dict[str, float], reason: str) -> None:
    with pytest.raises(CutOffError, match=reason):
        simulate(HISTOGRAM, **wish)  # type: ignore[arg-type]


def test_only_good_loans_have_no_table() -> None:
    with pytest.raises(CutOffError, match="good and bad loans"):
        cut_offs(msgspec.structs.replace(HISTOGRAM, bads=[0, 0, 0, 0]))


def test_a_model_made_elsewhere_has_no_histogram() -> None:
    with pytest.raises(CutOffError, match="no loans of basis outOfTime"):
        find_histogram(scorecard().model, "outOfTime")


@pytest.mark.parametrize("basis", ["holdout", "outOfTime"])
def test_the_sample_models_have_tables(basis: str) -> None:
    table = cut_offs(find_histogram(decode(read("champion")), basis))  # type: ignore[arg-type]

    rates = [row.approval_rate for row in table.items]
    assert rates == sorted(rates, reverse=True)
    assert 0.25 < table.ks.value < 0.35
    assert len(table.items) > 20
