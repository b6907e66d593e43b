"""A bar chart of the retrieval figures as SVG, with colors that are readable on light and dark backgrounds."""

from collections.abc import Mapping
from xml.sax.saxutils import escape

from dev.evaluation.figures import Group

SHOWN = ("recall@5", "mrr@10")
_COLORS = {"recall@5": "#3b82f6", "mrr@10": "#d97706"}
# Readable on white and on GitHub's dark background; an SVG image cannot detect the theme.
_INK = "#768390"
_BAR, _BETWEEN, _GAP = 34, 4, 36
_LEFT, _TOP, _HEIGHT, _BOTTOM = 44, 44, 220, 44


def svg(groups: Mapping[str, Group], title: str) -> str:
    """A pair of bars for each group."""
    step = len(SHOWN) * (_BAR + _BETWEEN) + _GAP
    width = _LEFT + len(groups) * step + _GAP // 2
    parts = [_text(_LEFT, 18, title, anchor="start", weight="600"), *_legend(width), *_axis(width)]
    for number, (name, group) in enumerate(groups.items()):
        parts += _bars(_LEFT + _GAP // 2 + number * step, name, group)
    description = "; ".join(
        f"{name}: " + ", ".join(f"{key} {group.measures[key]:.2f}" for key in SHOWN) for name, group in groups.items()
    )
    return (
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {width} {_TOP + _HEIGHT + _BOTTOM}" width="{width}" '
        f'font-family="system-ui, sans-serif" font-size="12" role="img">\n'
        f"<title>{escape(title)}</title>\n<desc>{escape(description)}</desc>\n" + "\n".join(parts) + "\n</svg>\n"
    )


def _bars(left: int, name: str, group: Group) -> list[str]:
    parts = []
    for number, measure in enumerate(SHOWN):
        x = left + number * (_BAR + _BETWEEN)
        height = round(group.measures[measure] * _HEIGHT)
        y = _TOP + _HEIGHT - height
        parts.append(f'<rect x="{x}" y="{y}" width="{_BAR}" height="{height}" rx="2" fill="{_COLORS[measure]}"/>')
        parts.append(_text(x + _BAR // 2, y - 5, f"{group.measures[measure]:.2f}"))
    middle = left + (len(SHOWN) * (_BAR + _BETWEEN) - _BETWEEN) // 2
    below = _TOP + _HEIGHT
    return [*parts, _text(middle, below + 18, name), _text(middle, below + 34, f"{group.count} questions")]


def _axis(width: int) -> list[str]:
    parts = []
    for tenths in (0, 5, 10):
        y = _TOP + _HEIGHT - tenths * _HEIGHT // 10
        end = width if tenths < 10 else _LEFT + 8  # a full line would cross the numbers above the bars
        parts.append(f'<path d="M{_LEFT} {y}H{end}" stroke="{_INK}" stroke-opacity="0.4"/>')
        parts.append(_text(_LEFT - 8, y + 4, f"{tenths / 10:.1f}", anchor="end"))
    return parts


def _legend(width: int) -> list[str]:
    parts = []
    for number, measure in enumerate(SHOWN):
        x = width - 90 * (len(SHOWN) - number)
        parts.append(f'<rect x="{x}" y="8" width="12" height="12" rx="2" fill="{_COLORS[measure]}"/>')
        parts.append(_text(x + 18, 18, measure, anchor="start"))
    return parts


def _text(x: int, y: int, content: str, *, anchor: str = "middle", weight: str = "400") -> str:
    return f'<text x="{x}" y="{y}" text-anchor="{anchor}" font-weight="{weight}" fill="{_INK}">{escape(content)}</text>'
