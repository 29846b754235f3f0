"""What pictures are drawn on: a frame for light and dark, scales with round ticks, and the size of text."""

from collections.abc import Iterable
from dataclasses import dataclass
from html import escape
from math import ceil, floor, log10

FONT_SIZE = 12

_STYLE = """\
<style>
.paper{fill:#ffffff}.ink{fill:#1f2328}.soft{fill:#59636e}.grid{stroke:#e4e8ec}.axis{stroke:#8c959f}
.best{fill:#0b6e4f;stroke:#0b6e4f}.other{fill:#ffffff;stroke:#a8431f}.front{stroke:#0b6e4f}.bar{stroke:#59636e}
.count{fill:#c9d3dc}.leader{stroke:#8c959f}.halo{stroke:#ffffff}
@media (prefers-color-scheme:dark){
.paper{fill:#0d1117}.ink{fill:#e6edf3}.soft{fill:#9aa4ae}.grid{stroke:#232a32}.axis{stroke:#6b7580}
.best{fill:#4cc38a;stroke:#4cc38a}.other{fill:#0d1117;stroke:#f0916c}.front{stroke:#4cc38a}.bar{stroke:#9aa4ae}
.count{fill:#36424e}.leader{stroke:#6b7580}.halo{stroke:#0d1117}}
.halo{stroke-width:3;stroke-linejoin:round;paint-order:stroke}
</style>"""

_WIDTHS = {"ijl.,:;'|!": 0.36, "ftr()/-[] ": 0.46, "mwMW%@": 1.0, "ABCDEFGHIJKLNOPQRSTUVXYZ0123456789": 0.72}
_WIDTH = 0.66
"""Of a character, in font sizes: as wide as in the widest fonts that `sans-serif` is likely to mean."""


@dataclass(frozen=True, slots=True)
class Scale:
    """Where a number lies on a picture: `low` at `start` and `high` at `end`, in pixels."""

    low: float
    high: float
    start: float
    end: float

    def __call__(self, value: float) -> float:
        """Return the pixel of a value; one that is outside is put on the edge."""
        share = (min(max(value, self.low), self.high) - self.low) / (self.high - self.low)
        return self.start + share * (self.end - self.start)


def document(name: str, size: tuple[int, int], title: str, description: str, parts: Iterable[str]) -> str:
    """Return a picture as a file; `name` is a word that tells its ids from those of others on a page."""
    width, height = size
    frame = f'width="{width}" height="{height}" viewBox="0 0 {width} {height}"'
    font = f'font-family="sans-serif" font-size="{FONT_SIZE}"'
    access = f'role="img" aria-labelledby="{name}-title {name}-desc"'
    lines = [
        f'<svg xmlns="http://www.w3.org/2000/svg" {frame} {font} {access}>',
        f'<title id="{name}-title">{escape(title)}</title>',
        f'<desc id="{name}-desc">{escape(description)}</desc>',
        _STYLE,
        '<rect class="paper" width="100%" height="100%"/>',
        *parts,
        "</svg>",
    ]
    return "\n".join(lines) + "\n"


def text(
    x: float, y: float, said: str, *, kind: str = "ink", anchor: str = "start", size: int = FONT_SIZE
) -> str:
    """Return a line of text on its baseline."""
    place = f'x="{x:.1f}" y="{y:.1f}"'
    return f'<text class="{kind}" {place} text-anchor="{anchor}" font-size="{size}">{escape(said)}</text>'


def line(kind: str, start: tuple[float, float], end: tuple[float, float], more: str = "") -> str:
    """Return a straight line."""
    place = f'x1="{start[0]:.1f}" y1="{start[1]:.1f}" x2="{end[0]:.1f}" y2="{end[1]:.1f}"'
    return f'<line class="{kind}" {place}{more}/>'


def text_width(said: str, size: int = FONT_SIZE) -> float:
    """Return how wide a text is at most, in pixels."""
    return size * sum(_character_width(character) for character in said)


def shortened(said: str, width: float, size: int = FONT_SIZE) -> str:
    """Return the text, or as much of its beginning as fits with three dots."""
    if text_width(said, size) <= width:
        return said
    while said and text_width(said + "...", size) > width:
        said = said[:-1]
    return said.rstrip() + "..."


def ticks(low: float, high: float, most: int) -> list[float]:
    """Return round numbers, at most that many (2 or more), that reach over both bounds or up to them."""
    step = _round_step(low, high, most)
    return [index * step for index in range(ceil(low / step - 1e-9), floor(high / step + 1e-9) + 1)]


def around(low: float, high: float, most: int) -> tuple[float, float]:
    """Return the round numbers below and above two bounds."""
    step = _round_step(low, high, most)
    return floor(low / step + 1e-9) * step, ceil(high / step - 1e-9) * step


def _round_step(low: float, high: float, most: int) -> float:
    rough = (high - low) / max(most - 1, 1)
    power = 10.0 ** floor(log10(rough))
    return next(times * power for times in (1, 2, 5, 10) if times * power >= rough - 1e-12)


def _character_width(character: str) -> float:
    return next((width for characters, width in _WIDTHS.items() if character in characters), _WIDTH)
