"""Changes the cells of a sheet in its own text: what is not touched stays as it is, letter by letter."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from xml.sax.saxutils import escape

from openpyxl.utils import get_column_letter

from dovetail.errors import Refused
from dovetail.systems.connectors.excel.cells import column_of
from dovetail.systems.connectors.excel.package import escaped
from dovetail.systems.connectors.excel.values import Content

_ROW = re.compile(r"<(\w+:)?row\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?row>)", re.DOTALL)
_CELL = re.compile(r"<(?:\w+:)?c\b([^>]*?)(?:/>|>(.*?)</(?:\w+:)?c>)", re.DOTALL)
_SHEET_DATA = re.compile(r"<(\w+:)?sheetData\b[^>]*?(/>|>)")
_END = re.compile(r"</(?:\w+:)?sheetData>")
_DIMENSION = re.compile(r"<(?:\w+:)?dimension\b[^>]*/>")
_CACHED = re.compile(
    r"(<(?:\w+:)?f\b(?:[^>]*/>|[^>]*>[^<]*</(?:\w+:)?f>))\s*<(?:\w+:)?v>[^<]*</(?:\w+:)?v>", re.DOTALL
)
_MASTER = re.compile(r"<(?:\w+:)?f\b[^>]*\bref=")

Style = Callable[[int, int], int]
"""The style for a new content of a cell: of its column, where the cell has the style given now."""


@dataclass(frozen=True, slots=True)
class Changes:
    """What becomes of a sheet: by row, the new contents by column (`None`: empty); rows that are cleared in those
    columns; and rows that are added after row `last`."""

    changed: Mapping[int, Mapping[int, Content | None]]
    cleared: frozenset[int]
    columns: frozenset[int]
    added: tuple[Mapping[int, Content | None], ...]
    last: int


def patched(sheet: str, changes: Changes, style: Style, where: str) -> str:
    """The text of the sheet with the changes."""
    number = 0

    def put(found: re.Match[str]) -> str:
        nonlocal number
        given = _attribute(found[2], "r")
        number = int(given) if given else number + 1
        prefix = found[1] or ""
        if number in changes.cleared:
            cells = _cells(found[3] or "", prefix)
            for column in [one for one in cells if one in changes.columns]:
                if _MASTER.search(cells[column]):
                    words = "a formula that other cells share stands in a row that is to be deleted"
                    raise Refused(words, where=f"{where}!{number}")
                cells[column] = _cell(prefix, column, number, None, _style_of(cells[column]))
        elif number in changes.changed:
            cells = _cells(found[3] or "", prefix)
            for column, content in changes.changed[number].items():
                now = _style_of(cells.get(column, ""))
                fit = now if content is None else style(column, now)
                cells[column] = _cell(prefix, column, number, content, fit)
        else:
            return found[0]
        return f"<{prefix}row{found[2].rstrip()}>{''.join(cells[one] for one in sorted(cells))}</{prefix}row>"

    sheet = _DIMENSION.sub("", sheet, count=1)
    if changes.changed or changes.cleared:
        sheet = _ROW.sub(put, sheet)
    return _appended(sheet, changes, style)


def uncomputed(sheet: str) -> str:
    """The text of a sheet without the values that formulas had: they may be others now."""
    return _CACHED.sub(r"\1", sheet)


def _appended(sheet: str, changes: Changes, style: Style) -> str:
    start = _SHEET_DATA.search(sheet)
    if not changes.added or start is None:
        return sheet
    prefix = start[1] or ""
    lines = []
    for number, row in enumerate(changes.added, changes.last + 1):
        cells = (
            _cell(prefix, column, number, content, style(column, 0))
            for column, content in sorted(row.items())
            if content is not None
        )
        lines.append(f'<{prefix}row r="{number}">{"".join(cells)}</{prefix}row>')
    if start[2] == "/>":
        opening = f"<{prefix}sheetData>"
        return f"{sheet[: start.start()]}{opening}{''.join(lines)}</{prefix}sheetData>{sheet[start.end() :]}"
    end = _END.search(sheet, start.end())
    at = end.start() if end is not None else start.end()
    return f"{sheet[:at]}{''.join(lines)}{sheet[at:]}"


def _cells(row: str, prefix: str) -> dict[int, str]:
    found: dict[int, str] = {}
    column = 0
    for one in _CELL.finditer(row):
        name = _attribute(one[1], "r")
        column = column_of(name) if name else column + 1
        found[column] = one[0] if name else one[0].replace(f"<{prefix}c", f'<{prefix}c r="{_name(column)}"', 1)
    return found


def _cell(prefix: str, column: int, row: int, content: Content | None, style: int) -> str:
    start = f'<{prefix}c r="{_name(column)}{row}"' + (f' s="{style}"' if style else "")
    if content is None:
        return f"{start}/>"
    if content.t == "inlineStr":
        text = escape(escaped(content.text))
        inner = f'<{prefix}is><{prefix}t xml:space="preserve">{text}</{prefix}t></{prefix}is>'
    else:
        inner = f"<{prefix}v>{content.text}</{prefix}v>"
    kind = "" if content.t == "n" else f' t="{content.t}"'
    return f"{start}{kind}>{inner}</{prefix}c>"


def _style_of(cell: str) -> int:
    return int(_attribute(cell.partition(">")[0], "s") or "0")


def _attribute(text: str, name: str) -> str:
    found = re.search(rf'\b{name}="([^"]*)"', text)
    return found[1] if found else ""


def _name(column: int) -> str:
    return str(get_column_letter(column))
