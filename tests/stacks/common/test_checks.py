from tests.stacks.assemblies import Assembly

PACKS = {"AwsSolutions", "Serverless"}


def test_there_are_no_findings(assembly: Assembly) -> None:
    packs = {report["pluginName"]: report for report in assembly.report}
    assert packs.keys() >= PACKS
    for name in PACKS:
        assert packs[name].get("violations", []) == []


def test_every_acknowledgment_is_needed(assembly: Assembly) -> None:
    used = {
        (finding["acknowledgedAt"], finding["acknowledgedId"])
        for report in assembly.report
        for finding in report.get("suppressedViolations", [])
    }
    assert assembly.acknowledgments
    assert set(assembly.acknowledgments) == used


def test_every_acknowledgment_has_a_reason(assembly: Assembly) -> None:
    for report in assembly.report:
        for finding in report.get("suppressedViolations", []):
            assert len(finding["reason"]) > 20
