"""The stage's settings reach the functions through their environment."""

import msgspec
import pytest

from lambda_src.credit_risk.settings import CreditRiskOptions, CreditSettings, RoleGroups
from lambda_src.shared.settings import read_settings

COMMON = {"STAGE": "test", "USE_CASE": "credit_risk", "TABLE_NAME": "table"}


def test_options_survive_the_environment() -> None:
    options = CreditRiskOptions(
        retention_months=60, sample_models=False, roles=(RoleGroups(role="validator", groups=("a", "b")),)
    )

    assert read_settings(CreditSettings, {**COMMON, **options.environment()}).options == options
    assert "ROLES" not in CreditRiskOptions().environment()


def test_roles_and_groups_are_checked() -> None:
    for entry in ({"role": "owner", "groups": ["a"]}, {"role": "scorer", "groups": ["*"]}, {"role": "scorer"}):
        with pytest.raises(msgspec.ValidationError):
            msgspec.convert({"roles": [entry]}, CreditRiskOptions)


def test_without_roles_everyone_is_admitted() -> None:
    settings = read_settings(CreditSettings, COMMON)
    assert settings.admits(("validator",), frozenset(), by_token=False)
    named = read_settings(CreditSettings, {**COMMON, "ROLES": '[{"role": "auditor", "groups": ["a"]}]'})
    assert named.admits(("scorer", "auditor"), frozenset({"a", "b"}), by_token=False)
    assert not named.admits(("scorer", "auditor"), frozenset({"b"}), by_token=False)
    assert not named.admits(("scorer",), frozenset({"a"}), by_token=False)


def test_without_roles_a_token_makes_a_scorer_and_nothing_else() -> None:
    """IAM's policies limit the routes of the others."""
    settings = CreditSettings(stage="s", use_case="credit_risk", table_name="t")
    assert settings.admits(("scorer", "auditor"), frozenset(), by_token=True)
    assert not settings.admits(("validator",), frozenset({"any"}), by_token=True)
    assert not settings.admits(("modeller", "validator", "auditor"), frozenset(), by_token=True)
