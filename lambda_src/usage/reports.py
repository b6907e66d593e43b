"""Reports: rows of usage in groups, as JSON or CSV."""

import csv
import io
from collections.abc import Iterable, Sequence
from typing import Any

from msgspec import UNSET, to_builtins

from lambda_src.shared.errors import InvalidRequest
from lambda_src.shared.usage_store import NANODOLLARS, UsageAmounts, UsageRow
from lambda_src.usage.models import UsageItem, UsageSums

# The fields that rows can be for, with their names in Python.
GROUPS = {"day": "day", "caller": "caller", "team": "team", "useCase": "use_case", "model": "model"}
# Texts that a spreadsheet would run as a formula. https://owasp.org/www-community/attacks/CSV_Injection
_FORMULA = ("=", "+", "-", "@", "\t", "\r")


def parse_groups(text: str) -> list[str]:
    """The names in `groupBy`, in their order. Raises `InvalidRequest`."""
    groups = [name.strip() for name in text.split(",") if name.strip()]
    unknown = [name for name in groups if name not in GROUPS]
    if unknown or not groups:
        raise InvalidRequest.at(
            "query.groupBy", f"must be one or more of {', '.join(GROUPS)}, with commas between them"
        )
    return list(dict.fromkeys(groups))


def summed(rows: Iterable[UsageRow], groups: Sequence[str]) -> tuple[list[UsageItem], UsageSums]:
    """The sums of each group, sorted, and those of all rows."""
    fields = [GROUPS[name] for name in groups]
    sums: dict[tuple[str, ...], UsageAmounts] = {}
    names: dict[tuple[str, ...], str] = {}
    total = UsageAmounts()
    for row in rows:
        key = tuple(getattr(row, field) or "" for field in fields)
        sums[key] = sums.get(key, UsageAmounts()).plus(row.amounts)
        total = total.plus(row.amounts)
        if row.name is not None and "caller" in groups:
            names[key] = row.name
    items = []
    for key in sorted(sums):
        group: dict[str, Any] = {field: value or UNSET for field, value in zip(fields, key, strict=True)}
        items.append(UsageItem(**group, name=names.get(key, UNSET), **_sums(sums[key])))
    return items, UsageSums(**_sums(total))


def as_csv(items: Iterable[UsageItem], groups: Sequence[str]) -> str:
    """RFC 4180, with a header. Columns without a value for a row are empty in it."""
    columns = [*groups, *(["name"] if "caller" in groups else []), *_COLUMNS]
    text = io.StringIO()
    writer = csv.DictWriter(text, columns, restval="", lineterminator="\r\n")
    writer.writeheader()
    for item in items:
        row = to_builtins(item)
        writer.writerow({name: _cell(value) for name, value in row.items()})
    return text.getvalue()


_COLUMNS = ("requests", "calls", "inputTokens", "outputTokens", "images", "unpricedCalls", "estimatedCostUsd")


def _cell(value: object) -> object:
    if isinstance(value, float):
        # Not 1e-06.
        return f"{value:.9f}".rstrip("0").rstrip(".")
    return f"'{value}" if isinstance(value, str) and value.startswith(_FORMULA) else value


def _sums(amounts: UsageAmounts) -> dict[str, Any]:
    return {
        "requests": amounts.requests,
        "calls": amounts.calls,
        "input_tokens": amounts.input_tokens,
        "output_tokens": amounts.output_tokens,
        "images": amounts.images,
        "unpriced_calls": amounts.unpriced_calls,
        "estimated_cost_usd": amounts.nanodollars / NANODOLLARS,
    }
