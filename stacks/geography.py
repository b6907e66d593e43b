"""AWS's commercial regions, and the geographies that a stage may confine its data to."""

# https://docs.aws.amazon.com/global-infrastructure/latest/regions/aws-regions.html
REGIONS = {
    "af-south-1": "Cape Town",
    "ap-east-1": "Hong Kong",
    "ap-east-2": "Taipei",
    "ap-northeast-1": "Tokyo",
    "ap-northeast-2": "Seoul",
    "ap-northeast-3": "Osaka",
    "ap-south-1": "Mumbai",
    "ap-south-2": "Hyderabad",
    "ap-southeast-1": "Singapore",
    "ap-southeast-2": "Sydney",
    "ap-southeast-3": "Jakarta",
    "ap-southeast-4": "Melbourne",
    "ap-southeast-5": "Malaysia",
    "ap-southeast-6": "New Zealand",
    "ap-southeast-7": "Thailand",
    "ca-central-1": "Montreal",
    "ca-west-1": "Calgary",
    "eu-central-1": "Frankfurt",
    "eu-central-2": "Zurich",
    "eu-north-1": "Stockholm",
    "eu-south-1": "Milan",
    "eu-south-2": "Spain",
    "eu-west-1": "Ireland",
    "eu-west-2": "London",
    "eu-west-3": "Paris",
    "il-central-1": "Tel Aviv",
    "me-central-1": "UAE",
    "me-south-1": "Bahrain",
    "mx-central-1": "Mexico",
    "sa-east-1": "São Paulo",
    "us-east-1": "Virginia",
    "us-east-2": "Ohio",
    "us-west-1": "California",
    "us-west-2": "Oregon",
}

# Where CloudFormation has no such resource type, by its schemas of November 2026.
WITHOUT_GUARDRAILS = frozenset({"af-south-1", "ap-east-1", "ap-southeast-6", "ca-west-1", "mx-central-1"})
WITHOUT_APPLICATION_PROFILES = frozenset(
    {
        *("af-south-1", "ap-east-1", "ap-east-2", "ap-south-2", "ap-southeast-4", "ap-southeast-5", "ap-southeast-6"),
        *("ap-southeast-7", "ca-west-1", "eu-north-1", "eu-south-2", "il-central-1", "mx-central-1", "us-west-1"),
    }
)


def _starting(*prefixes: str) -> frozenset[str]:
    return frozenset(region for region in REGIONS if region.startswith(prefixes))


_EUROPE = _starting("eu-")

# Residency -> the regions that may process the stage's data. `region`: the stage's own one only; `any`: no limit.
RESIDENCIES: dict[str, frozenset[str]] = {
    "us": _starting("us-"),
    "ca": _starting("ca-"),
    # Member states of the European Union: neither London nor Zurich.
    "eu": _EUROPE - {"eu-west-2", "eu-central-2"},
    "europe": _EUROPE,
    "apac": _starting("ap-"),
    "jp": frozenset({"ap-northeast-1", "ap-northeast-3"}),
    "au": frozenset({"ap-southeast-2", "ap-southeast-4"}),
    "in": _starting("ap-south-"),
}


def outside(residency: str, home: str, regions: tuple[str, ...]) -> tuple[str, ...]:
    """The regions that a stage in the region `home` with this residency keeps its data out of."""
    if residency == "any":
        return ()
    allowed = frozenset({home}) if residency == "region" else RESIDENCIES[residency]
    return tuple(region for region in regions if region not in allowed)
