"""Applies answers of AWS to the catalog. What no answer says stays as it is."""

import copy
import re
from collections import Counter
from collections.abc import Iterable, Iterator
from datetime import date
from typing import Any, Literal

import msgspec

from dev.tools.catalog.answers import Answers, Listed
from dev.tools.catalog.document import Document, catalog
from dev.tools.catalog.pricing import Pricing
from lambda_src.shared.catalog import Lifecycle
from lambda_src.shared.lifecycle import merge_lifecycle

Kind = Literal["models", "details", "profiles", "prices"]
Table = dict[str, list[str]]

_SLUGS: dict[Kind, str] = {
    "models": "foundation-models",
    "details": "foundation-model",
    "profiles": "inference-profiles",
    "prices": "price-lists",
}
# A variant for provisioned throughput, such as `amazon.nova-lite-v1:0:24k`.
_VARIANT = re.compile(r":\d+:\w+$")
_MODALITIES = {"TEXT", "EMBEDDING", "IMAGE"}


class Refresh:
    """The catalog's content with the answers applied, and notes on what the answers leave open.

    A figure that the answers confirm keeps its source and day, so that a diff shows changes only; `confirm` gives it
    theirs.
    """

    def __init__(self, before: Document, answers: Answers, today: date, confirm: bool = False) -> None:
        self._before = catalog(before)
        self._answers = answers
        self._today = today
        self._confirm = confirm
        self.document = copy.deepcopy(before)
        self.notes: dict[str, list[str]] = {}
        for row in self._rows():
            self._refresh_regions(row)
            self._refresh_lifecycle(row)
        self._refresh_profiles()
        if answers.quotes.offers:
            self._refresh_prices()
        self._drop_unused_sources()
        self._note_unlisted_rows()
        self._note_models_without_row()

    def _rows(self) -> Iterator[Document]:
        yield from self.document["models"].values()

    def _note(self, heading: str, text: str) -> None:
        self.notes.setdefault(heading, []).append(text)

    def _is_past(self, row: Document) -> bool:
        """Whether the model has ended and left the lists. Accounts with extended access may still call it there."""
        return row["lifecycle"]["status"] == "ended" and not self._answers.states(row["id"])

    def _refresh_regions(self, row: Document) -> None:
        """Regions without an answer stay; one that lists the model no longer, or has ended it, goes."""
        states = self._answers.states(row["id"])
        asked = {*self._answers.models, *states}
        if not asked or self._is_past(row):
            return
        served = {region for region, listed in states.items() if listed.is_on_demand(self._today)}
        regions = sorted(({*row["regions"]} - asked) | served)
        if regions != row["regions"] or (self._confirm and asked & {*regions}):
            kind: Kind = "models" if self._answers.models else "details"
            self._cite(row, "regions", kind, keeps_old=not {*row["regions"]} <= asked)
            row["regions"] = regions

    def _refresh_lifecycle(self, row: Document) -> None:
        """The earliest life cycle: legacy before active, then by end. Regions that ended the model count last."""
        states = self._answers.states(row["id"])
        if not states:
            return
        current = {region: listed for region, listed in states.items() if not listed.has_ended(self._today)} or states
        region, listed = min(current.items(), key=_earliest)
        if len({state.life for state in states.values()}) > 1:
            self._note("Life cycles that differ by region; the row has the earliest", f"{row['id']}: {_lives(states)}")
        reported = listed.life
        before = msgspec.convert(row["lifecycle"], Lifecycle)
        after = merge_lifecycle(before, reported, self._today)
        if after != before or self._confirm:
            dates = (
                (after.legacy_at, reported.legacy_on),
                (after.end_of_life_at, reported.ends_on),
                (after.extended_access_at, reported.extended_access_on),
            )
            kind: Kind = "models" if row["id"] in self._answers.models.get(region, {}) else "details"
            self._cite(row, "lifecycle", kind, keeps_old=any(day and not answer for day, answer in dates))
            row["lifecycle"] = _lifecycle(after)

    def _refresh_profiles(self) -> None:
        """Source regions without an answer stay. Profiles that route alike share a routing."""
        found: dict[str, dict[str, Table]] = {}
        for region, profiles in self._answers.profiles.items():
            for profile_id, reached in profiles.items():
                prefix, _, model_id = profile_id.partition(".")
                found.setdefault(model_id, {}).setdefault(prefix, {})[region] = [*reached]
        tables: dict[tuple[str, str], Table] = {}
        for row in self._rows():
            before = {prefix: self.document["routings"][name] for prefix, name in row.get("profiles", {}).items()}
            listed = found.get(row["id"], {})
            asked = set() if self._is_past(row) else {*self._answers.profiles}
            prefixes = [*before, *sorted({*listed} - {*before})]
            after = {
                prefix: table
                for prefix in prefixes
                if (table := _routing(before.get(prefix, {}), listed.get(prefix, {}), asked))
            }
            tables |= {(row["id"], prefix): table for prefix, table in after.items()}
            covered = any(asked & {*table} for table in after.values())
            if after != before or (self._confirm and covered):
                keeps_old = any(not {*table} <= asked for table in after.values())
                self._cite(row, "profiles", "profiles", keeps_old=keeps_old)
                _set_price_entries(row, {*before}, {*after})
        self._name_routings(tables)

    def _name_routings(self, tables: dict[tuple[str, str], Table]) -> None:
        """A name stays with the routing of most profiles that have it now; another routing gets a free number."""
        rows, routings = self.document["models"], self.document["routings"]
        votes: dict[str, Counter[str]] = {name: Counter() for name in routings}
        by_text: dict[str, Table] = {}
        for (model_id, prefix), table in tables.items():
            by_text[_text(prefix, table)] = table
            if name := rows[model_id].get("profiles", {}).get(prefix):
                votes[name][_text(prefix, table)] += 1
        unchanged = {name: _text(name.partition("-")[0], table) for name, table in routings.items()}
        names = {text: name for name, text in unchanged.items() if text in votes[name]}
        for name, counted in votes.items():
            if counted and unchanged[name] not in counted:
                names.setdefault(counted.most_common(1)[0][0], name)
        for (_, prefix), table in tables.items():
            if _text(prefix, table) not in names:
                names[_text(prefix, table)] = _free_name(prefix, {*routings, *names.values()})
        for row in self._rows():
            prefixes = [prefix for model_id, prefix in tables if model_id == row["id"]]
            if prefixes:
                row["profiles"] = {prefix: names[_text(prefix, tables[row["id"], prefix])] for prefix in prefixes}
            elif row.pop("profiles", None):
                del row["sources"]["profiles"]
        named = {name: by_text[text] for text, name in names.items()}
        self.document["routings"] = dict(sorted(named.items()))

    def _refresh_prices(self) -> None:
        pricing = Pricing(self._answers.quotes, catalog(self.document), self._note)
        day = self._day("prices").isoformat()
        for row in self._rows():
            quoted = pricing.quoted(row["id"], day)
            before: dict[str, Any] = row.get("prices", {})
            after = _prices(row, quoted, self._confirm)
            if after != before:
                ways = {*row.get("profiles", {}), *([""] if row["regions"] else [])}
                keeps_old = any(after.get(way, after.get("")) is not None for way in ways - {*quoted})
                self._cite(row, "prices", "prices", keeps_old=keeps_old)
                row["prices"] = after

    def _cite(self, row: Document, figures: str, kind: Kind, *, keeps_old: bool) -> None:
        """Names the answers as the figures' source; before the old ones if some figures are still theirs."""
        key = self._source(kind)
        before = row["sources"].get(figures, [])
        old = [before] if isinstance(before, str) else before
        keys = [key, *(name for name in old if not self._is_superseded(name, key))] if keeps_old else [key]
        row["sources"][figures] = keys[0] if len(keys) == 1 else keys

    def _is_superseded(self, old: str, new: str) -> bool:
        sources = self.document["sources"]
        regions = [{*sources[key].get("regions", ())} for key in (old, new)]
        return bool(sources[old]["title"] == sources[new]["title"] and regions[0] <= regions[1])

    def _source(self, kind: Kind) -> str:
        """The key of the answers' source."""
        quotes = self._answers.quotes
        title, regions = {
            "models": ("ListFoundationModels", {*self._answers.models}),
            "details": ("GetFoundationModel", {*self._answers.details}),
            "profiles": ("ListInferenceProfiles", {*self._answers.profiles}),
            "prices": (
                f"AWS's price lists {', '.join(sorted(quotes.offers))}",
                {quoted.region for quoted in quotes.prices},
            ),
        }[kind]
        source = {"title": title, "read": self._day(kind).isoformat(), "regions": sorted(regions)}
        key = base = f"{_SLUGS[kind]}-{source['read']}"
        number = 1
        while self.document["sources"].setdefault(key, source) != source:
            number += 1
            key = f"{base}-{number}"
        return key

    def _day(self, kind: Kind) -> date:
        return self._answers.days[kind]

    def _drop_unused_sources(self) -> None:
        used: set[str] = set()
        for row in self._rows():
            for keys in row["sources"].values():
                used |= {keys} if isinstance(keys, str) else {*keys}
        sources = self.document["sources"]
        self.document["sources"] = {key: sources[key] for key in sorted(sources) if key in used}

    def _note_unlisted_rows(self) -> None:
        for row in self._before.models.values():
            routed = {region for routing in row.profiles.values() for region in self._before.routings[routing]}
            asked = {*row.regions, *routed} & {*self._answers.models}
            if asked and row.lifecycle.status != "ended" and not self._answers.states(row.id):
                self._note("Rows that no answer lists anymore", f"{row.id}: not in {_several(asked)}")

    def _note_models_without_row(self) -> None:
        listings = (*self._answers.details.values(), *self._answers.models.values())
        listed = {model_id: state for listing in listings for model_id, state in listing.items()}
        profiles: dict[str, set[str]] = {}
        for profile_id in {profile_id for listing in self._answers.profiles.values() for profile_id in listing}:
            prefix, _, model_id = profile_id.partition(".")
            profiles.setdefault(model_id, set()).add(prefix)
        for model_id, state in sorted(listed.items()):
            states = self._answers.states(model_id)
            regions = [region for region, found in states.items() if found.is_on_demand(self._today)]
            is_callable = bool(regions or model_id in profiles or "INFERENCE_PROFILE" in state.inference_types)
            if model_id in self._before.models or _VARIANT.search(model_id) or state.life.status != "ACTIVE":
                continue
            if is_callable and {*state.outputs} <= _MODALITIES:
                self._note(
                    "Models without a row",
                    f"{model_id} ({state.name}): {', '.join(state.inputs)} to {', '.join(state.outputs)}; "
                    f"on demand: {', '.join(sorted(regions)) or 'no'}; "
                    f"profiles: {', '.join(sorted(profiles.get(model_id, ()))) or 'no'}",
                )


def _earliest(state: tuple[str, Listed]) -> tuple[bool, date, str]:
    region, listed = state
    return listed.life.status != "LEGACY", listed.life.ends_on or date.max, region


def _lives(states: dict[str, Listed]) -> str:
    regions: dict[str, list[str]] = {}
    for region, listed in sorted(states.items()):
        ends = f" until {listed.life.ends_on}" if listed.life.ends_on else ""
        regions.setdefault(f"{listed.life.status}{ends}", []).append(region)
    return "; ".join(f"{life} in {_several(found)}" for life, found in regions.items())


def _lifecycle(life: Lifecycle) -> Document:
    dates = {
        "legacyAt": life.legacy_at,
        "extendedAccessAt": life.extended_access_at,
        "endOfLifeAt": life.end_of_life_at,
    }
    return {"status": life.status, **{name: day for name, day in dates.items() if day}}


def _routing(before: Table, found: Table, asked: set[str]) -> Table:
    kept = {region: reached for region, reached in before.items() if region not in asked}
    return dict(sorted((kept | found).items()))


def _set_price_entries(row: Document, before: set[str], after: set[str]) -> None:
    """A new profile's price is unknown, not that of the model id; a profile that is gone has none."""
    prices = row.get("prices", {})
    for prefix in sorted(after - before):
        if "" in prices:
            prices.setdefault(prefix, None)
    for prefix in before - after:
        prices.pop(prefix, None)


def _prices(row: Document, quoted: dict[str, Document], confirm: bool) -> dict[str, Any]:
    """The row's prices. A profile that cost what the model id costs keeps its price when only that one changes."""
    before: dict[str, Any] = row.get("prices", {})
    profiles = [*row.get("profiles", {})]
    now = {way: before[way] if way in before else before.get("") for way in ("", *profiles)}
    for way, price in quoted.items():
        if way in now and (confirm or _figures(now[way]) != _figures(price)):
            now[way] = price
    relying = [prefix for prefix in profiles if prefix not in before]
    if not row["regions"] and "" in before and relying:
        # Nobody calls the model id: its price is there for the profiles without one.
        now[""] = now["global" if "global" in relying else relying[0]]
    base = now.pop("")
    prices = {} if base is None and "" not in before else {"": base}
    for prefix in profiles:
        if prefix in before or _figures(now[prefix]) != _figures(base):
            prices[prefix] = now[prefix]
    return prices


def _figures(price: Document | None) -> Document | None:
    return None if price is None else {name: figure for name, figure in price.items() if name != "asOf"}


def _free_name(prefix: str, taken: set[str]) -> str:
    name, number = prefix, 1
    while name in taken:
        number += 1
        name = f"{prefix}-{number}"
    return name


def _text(prefix: str, table: Table) -> str:
    return f"{prefix} {table}"


def _several(regions: Iterable[str]) -> str:
    names = sorted(regions)
    return ", ".join(names) if len(names) <= 3 else f"{len(names)} regions"
