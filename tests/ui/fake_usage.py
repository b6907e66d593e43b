"""A fake of the usage API: rows that tests add, summed as the API does."""

from typing import Any

from lambda_src.shared.usage_store import UsageAmounts, UsageRow
from lambda_src.usage.reports import as_csv, parse_groups, summed
from tests.ui.fake_api import ErrorResponse

OWN = "owner:ana"


class Usage:
    """`administers`: whether the page's caller is an administrator."""

    url = ""

    def __init__(self) -> None:
        self.rows: list[UsageRow] = []
        self.budgets: list[dict[str, Any]] = []
        self.administers = True
        self.queries: list[Any] = []

    def add(self, day: str, *, caller: str = OWN, dollars: float = 0.5, **changes: Any) -> None:
        amounts = UsageAmounts(
            requests=1, calls=1, input_tokens=1_000, output_tokens=20, nanodollars=round(dollars * 10**9)
        )
        fields = {"use_case": "chatbot", "model": "us.amazon.nova-lite-v1:0", "amounts": amounts, **changes}
        self.rows.append(UsageRow(caller=caller, day=day, **fields))

    def own_usage(self, query: Any) -> Any:
        return self._report(query, [row for row in self.rows if row.caller == OWN])

    def all_usage(self, query: Any) -> Any:
        if not self.administers:
            raise ErrorResponse(403, "forbidden")
        return self._report(query, self.rows)

    def own_budgets(self) -> dict[str, Any]:
        return {"items": self.budgets}

    def _report(self, query: Any, rows: list[UsageRow]) -> Any:
        self.queries.append(query)
        first, last = query.first.isoformat(), query.last.isoformat()
        groups = parse_groups(query.group_by)
        items, total = summed([row for row in rows if first <= row.day <= last], groups)
        if query.format == "csv":
            return as_csv(items, groups).encode()
        return {"from": first, "to": last, "items": _plain(items), "total": _plain(total)}


def _plain(value: Any) -> Any:
    import msgspec

    return msgspec.to_builtins(value)
