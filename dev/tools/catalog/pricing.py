"""What a model costs by profile, from the prices by region in AWS's price lists."""

from collections.abc import Callable, Mapping
from typing import Any

import msgspec

from dev.tools.catalog.price_lists import Figure, Quotes, Scope, Tariff, Tariffs
from stacks.model_catalog import Catalog, Row

Note = Callable[[str, str], None]
Figures = dict[Figure, float]

_AMBIGUOUS = "Prices that are ambiguous: the row keeps its own"
_MISSING = "Rows without a price in the price lists"
_UNREAD = "Usage types that the tool does not read"
_UNKNOWN = "Names in the price lists without a row"
_ORDER: tuple[Figure, ...] = ("inputPerMillion", "outputPerMillion", "cachedInputPerMillion")


class Pricing:
    """Reports what it cannot tell to `note`."""

    def __init__(self, quotes: Quotes, catalog: Catalog, note: Note) -> None:
        self._catalog = catalog
        self._note = note
        self._tariffs = Tariffs(quotes, catalog.models)
        self._regions = {quoted.region for quoted in quotes.prices}
        if self._tariffs.unknown:
            note(_UNKNOWN, ", ".join(sorted(self._tariffs.unknown)))

    def quoted(self, model_id: str, day: str) -> dict[str, dict[str, Any]]:
        """Profile prefix, or "" for the model id -> the price as in the file."""
        row = self._catalog.models[model_id]
        tariff = self._tariffs.by_model.get(model_id)
        if row.purpose not in ("text", "embedding"):
            return {}
        if tariff is None or not tariff.figures:
            self._note(_MISSING, model_id)
        if tariff is None:
            return {}
        for conflict in tariff.conflicts:
            self._note(_AMBIGUOUS, f"{model_id}: {conflict}")
        if tariff.unread:
            self._note(_UNREAD, f"{model_id}: {', '.join(sorted(tariff.unread))}")
        prices: dict[str, dict[str, Any]] = {}
        for way in ("", *row.profiles):
            figures = self._figures(row, way, tariff)
            if figures and (price := self._price(row, way, *figures, day)):
                prices[way] = price
        return prices

    def _figures(self, row: Row, way: str, tariff: Tariff) -> tuple[Figures, Figures] | None:
        """The prices of calls this way, plain and of long contexts, if they are the same in all source regions."""
        sources = self._catalog.routings[row.profiles[way]] if way else row.regions
        found: dict[str, tuple[Figures, Figures]] = {}
        for region in sorted(self._regions & {*sources}):
            scope = _scope(way, region, tariff)
            if plain := tariff.figures.get((region, scope, False)):
                found[region] = plain, tariff.figures.get((region, scope, True), {})
        first = next(iter(found.values()), None)
        if first and any(figures != first for figures in found.values()):
            by_price: dict[str, list[str]] = {}
            for region, figures in found.items():
                by_price.setdefault(_shown(*figures), []).append(region)
            shown = "; ".join(f"{price} in {', '.join(regions)}" for price, regions in by_price.items())
            self._note(_AMBIGUOUS, f"{row.id}, {way or 'model id'}: {shown}")
            return None
        return first

    def _price(self, row: Row, way: str, plain: Figures, long: Figures, day: str) -> dict[str, Any] | None:
        """The row's price with the lists' figures; None if those are not complete."""
        where = f"{row.id}, {way or 'model id'}"
        if not _is_complete(row, plain):
            self._note(_AMBIGUOUS, f"{where}: only {_shown(plain, {})}")
            return None
        old = row.prices[way] if way in row.prices else row.prices.get("")
        before: dict[str, Any] = msgspec.to_builtins(old) if old else {}
        price: dict[str, Any] = before | {**plain}
        above = _threshold(row)
        if long and (above is None or not _is_complete(row, long)):
            why = "no threshold is known" if above is None else "not complete"
            self._note(_AMBIGUOUS, f"{where}: long context {_shown(long, {})}, {why}")
        elif long:
            price["longContext"] = {"above": above, **_ordered(before.get("longContext", {}) | {**long})}
        kept = {*before} - {*plain, "asOf", *(["longContext"] if long else [])}
        if kept and any(before.get(name) != plain[name] for name in plain):
            self._note("Figures that the price lists lack, next to changed ones", f"{where}: {', '.join(sorted(kept))}")
        rest = {name: figure for name, figure in price.items() if name not in ("asOf", *_ORDER)}
        return {"asOf": day, **_ordered(price), **rest}


def _scope(way: str, region: str, tariff: Tariff) -> Scope:
    if way == "global":
        return "global"
    return "geo" if way and (region, "geo", False) in tariff.figures else "regional"


def _is_complete(row: Row, figures: Figures) -> bool:
    return "inputPerMillion" in figures and (row.purpose == "embedding" or "outputPerMillion" in figures)


def _threshold(row: Row) -> int | None:
    """From how many tokens on the model costs more: the lists do not say it."""
    above = {price.long_context.above for price in row.prices.values() if price and price.long_context}
    return above.pop() if len(above) == 1 else None


def _ordered(price: Mapping[Any, Any]) -> dict[str, Any]:
    return {name: price[name] for name in _ORDER if name in price}


def _shown(plain: Figures, long: Figures) -> str:
    shown = ", ".join(f"{name.removesuffix('PerMillion')} {figure:g}" for name, figure in _ordered(plain).items())
    return f"{shown}, long context {_shown(long, {})}" if long else shown
