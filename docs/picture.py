"""Draws the picture of the README, its writing directions derived by the product itself: `python -m docs.picture`."""

from __future__ import annotations

from dataclasses import dataclass
from html import escape
from pathlib import Path

from dovetail.expression.invert import Inverse, Reversibility, invert
from dovetail.expression.parse import parse
from dovetail.model.type import Kind, Type

FILE = Path(__file__).resolve().parent / "pictures" / "one-declaration.svg"

WIDTH, TOP, STEP = 1000, 92, 62
LEFT, MIDDLE, RIGHT = 24, 428, 806
CARD, HALF = 170, 144
COLOURS = {Reversibility.LOSSLESS: "#2e7d4f", Reversibility.RESTORE: "#b7791f", Reversibility.ONE_WAY: "#b03a3a"}
TEXT, INTEGER, BOOLEAN = Type(Kind.TEXT), Type(Kind.INTEGER), Type(Kind.BOOLEAN)
DECIMAL = Type(Kind.DECIMAL, precision=12, scale=3)
CODES = "CASE status WHEN 'A' THEN TRUE WHEN 'X' THEN FALSE ELSE unmapped(status) END"


@dataclass(frozen=True)
class Cell:
    """How a member expresses one shared field: the expression, and the types of the columns in it."""

    read: str
    columns: dict[str, Type]
    shown: str = ""

    def inverse(self, shared: str) -> Inverse:
        """The derived writing direction."""
        return invert(parse(self.read), shared=shared, scope=self.columns)


FIELDS: dict[str, tuple[Cell, Cell]] = {
    "sku": (Cell("upper(trim(upc))", {"upc": TEXT}), Cell("code", {"code": TEXT})),
    "name": (Cell("title", {"title": TEXT}), Cell("description", {"description": TEXT})),
    "price": (Cell("price_cents / 100", {"price_cents": INTEGER}), Cell("list_price", {"list_price": DECIMAL})),
    "weight": (Cell("weight_g", {"weight_g": INTEGER}), Cell("weight_kg * 1000", {"weight_kg": DECIMAL})),
    "active": (Cell("is_public", {"is_public": BOOLEAN}), Cell(CODES, {"status": TEXT}, "codes {A: true, X: false}")),
}


def picture() -> str:
    """The whole drawing."""
    height = TOP + STEP * len(FIELDS) + 44
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {height}" role="img" font-family="system-ui, sans-serif">',
        "<title>One declaration: what is written once, and the writing direction that is derived from it</title>",
        f'<rect width="{WIDTH}" height="{height}" rx="12" fill="#fbfbf9" stroke="#deded8"/>',
    ]
    bottom = STEP * len(FIELDS) + 10
    for x, width, title, name in (
        (LEFT, CARD, "shop", "product"),
        (MIDDLE, HALF, "mapping", "product"),
        (RIGHT, CARD, "warehouse", "item"),
    ):
        middle = x == MIDDLE
        parts.append(
            f'<rect x="{x}" y="{TOP - 62}" width="{width}" height="{bottom + 54}" rx="8" '
            f'fill="{"#eef3fb" if middle else "#ffffff"}" stroke="{"#3565a8" if middle else "#c9c9c2"}"/>'
        )
        parts.append(_text(x + width / 2, TOP - 40, title, "#77776f", size=12))
        parts.append(_text(x + width / 2, TOP - 20, name, "#1c1c1a", weight=600))
    for at, (shared, cells) in enumerate(FIELDS.items()):
        parts += _line(TOP + STEP * at + STEP / 2, shared, *cells)
    parts += _legend(height - 16)
    return "\n".join([*parts, "</svg>"]) + "\n"


def _line(y: float, shared: str, left: Cell, right: Cell) -> list[str]:
    parts = [_text(MIDDLE + HALF / 2, y + 5, shared, "#1d437a", weight=600)]
    for cell, card, ends in (
        (left, LEFT + CARD / 2, (LEFT + CARD, MIDDLE)),
        (right, RIGHT + CARD / 2, (MIDDLE + HALF, RIGHT)),
    ):
        inverse = cell.inverse(shared)
        (column, write) = inverse.writes[0]
        parts.append(_text(card, y + 5, column, "#1c1c1a"))
        centre = sum(ends) / 2
        colour = COLOURS[inverse.kind]
        parts.append(f'<path d="M{ends[0]} {y} H{ends[1]}" stroke="{colour}" stroke-width="1.6"/>')
        parts += [f'<circle cx="{end}" cy="{y}" r="3.5" fill="{colour}"/>' for end in ends]
        parts.append(_text(centre, y - 8, cell.shown or cell.read, "#1c1c1a", size=13, mono=True))
        derived = f"{column} = {write.text}"
        if "CASE" in write.text:
            derived = "status = A or X" if cell.shown else f"{column} = {shared}, or as it stood"
        parts.append(_text(centre, y + 20, derived, "#77776f", size=12, mono=True))
    return parts


def _legend(y: float) -> list[str]:
    parts = [_text(LEFT, y, "above each line: written once; below: derived", "#55554f", size=13, anchor="start")]
    for x, kind, words in (
        (470, Reversibility.LOSSLESS, "lossless"),
        (570, Reversibility.RESTORE, "lossy, with restore of what is there"),
    ):
        parts.append(f'<circle cx="{x}" cy="{y - 4}" r="4.5" fill="{COLOURS[kind]}"/>')
        parts.append(_text(x + 10, y, words, "#55554f", size=13, anchor="start"))
    return parts


def _text(
    x: float,
    y: float,
    words: str,
    colour: str,
    *,
    size: int = 14,
    weight: int = 400,
    mono: bool = False,
    anchor: str = "middle",
) -> str:
    family = ' font-family="ui-monospace, monospace"' if mono else ""
    return (
        f'<text x="{x:g}" y="{y:g}" fill="{colour}" font-size="{size}" font-weight="{weight}" '
        f'text-anchor="{anchor}"{family}>{escape(words)}</text>'
    )


if __name__ == "__main__":
    FILE.parent.mkdir(exist_ok=True)
    FILE.write_text(picture(), encoding="utf-8")
