from collections.abc import Callable
from typing import Any

from stacks.common.nag import NOT_FOLLOWED, compliance_findings
from tests.stacks.assemblies import Assembly

PACKS = {"AwsSolutions", "Serverless", "NIST.800.53.R5", "HIPAA.Security"}


def acknowledged(assembly: Assembly) -> list[dict[str, Any]]:
    return [finding for report in assembly.report for finding in report.get("suppressedViolations", [])]


def test_there_are_no_findings(assembly: Assembly) -> None:
    packs = {report["pluginName"]: report for report in assembly.report}
    assert packs.keys() >= PACKS
    for name in PACKS:
        assert packs[name].get("violations", []) == []


def test_every_acknowledgment_is_needed(assembly: Assembly) -> None:
    # Those for the whole application have no construct.
    used = {
        (finding["acknowledgedAt"], finding["acknowledgedId"])
        for finding in acknowledged(assembly)
        if finding.get("acknowledgedAt")
    }
    assert assembly.acknowledgments
    assert set(assembly.acknowledgments) == used


def test_every_acknowledgment_for_all_resources_is_needed(assembly_of: Callable[[str], Assembly]) -> None:
    used = {finding["ruleName"] for finding in acknowledged(assembly_of("prod")) if not finding.get("acknowledgedAt")}

    assert {name.rpartition("::")[2] for name in used} == compliance_findings(NOT_FOLLOWED).keys()


def test_every_acknowledgment_has_a_reason(assembly: Assembly) -> None:
    for finding in acknowledged(assembly):
        assert len(finding["reason"]) > 20
