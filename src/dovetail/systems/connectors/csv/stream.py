"""The bytes of a file of delimited values as UTF-8, after its first record, with a last record of our own."""

from __future__ import annotations

import codecs
from collections.abc import Generator, Iterator
from pathlib import Path

import numpy as np

from dovetail.errors import SystemFault
from dovetail.systems.connectors.csv.dialect import Dialect
from dovetail.systems.files.folder import faults

MARK = "\x02"
"""Every cell of the record that is put after the last one: where it does not come back, a quote was left open."""

_BLOCK_BYTES = 2**20


class Stream:
    """A readable file, as Arrow wants one: what follows the first record, as UTF-8, then the marks.

    `has_stray_quote` says whether what was read so far has a quote in the middle of something."""

    def __init__(self, path: Path, dialect: Dialect) -> None:
        self._blocks = blocks(path, dialect)
        self._rest = b""
        self._edges = f"{dialect.delimiter}{dialect.quote}{dialect.escape or ''}\r\n".encode()
        self._quote = dialect.quote.encode()
        self._tail = b"\n"
        self.has_stray_quote = False
        self.closed = False

    def read(self, size: int = -1) -> bytes:
        """So many bytes; fewer at the end alone, for Arrow takes what it is given for one block."""
        parts, missing = [self._rest], size - len(self._rest)
        while missing > 0 or size < 0:
            found = next(self._blocks, None)
            if found is None:
                break
            self._look(found)
            parts.append(found)
            missing -= len(found)
        whole = b"".join(parts)
        cut = len(whole) if size < 0 else size
        self._rest = whole[cut:]
        return whole[:cut]

    def close(self) -> None:
        """Close the file."""
        self.closed = True
        self._blocks.close()

    def _look(self, block: bytes) -> None:
        """Notice a quote that is neither at the edge of a cell nor beside another one."""
        if not self.has_stray_quote and self._quote in block:
            found = np.frombuffer(self._tail + block, np.uint8)
            places = np.flatnonzero(found[1:-1] == self._quote[0]) + 1
            edges = np.frombuffer(self._edges, np.uint8)
            at_edge = np.isin(found[places - 1], edges) | np.isin(found[places + 1], edges)
            self.has_stray_quote = not at_edge.all()
        self._tail = (self._tail + block)[-2:]

    def readable(self) -> bool:
        """That it can be read."""
        return True

    def seekable(self) -> bool:
        """That it cannot be read twice."""
        return False


def blocks(path: Path, dialect: Dialect) -> Generator[bytes]:
    """The UTF-8 of what follows the first record, in blocks; the last one holds the marks."""
    skip = len(dialect.head.encode())
    last = b"\n"
    for block in _decoded(path, dialect):
        if skip >= len(block):
            skip -= len(block)
            continue
        part = block[skip:] if skip else block
        skip = 0
        last = part[-1:]
        yield part
    marks = dialect.delimiter.join([MARK] * len(dialect.names))
    yield (b"" if last in b"\r\n" else dialect.line_end.encode()) + marks.encode() + b"\n"


def _decoded(path: Path, dialect: Dialect) -> Iterator[bytes]:
    with faults(path.name), path.open("rb") as file:
        file.seek(len(dialect.bom))
        if dialect.encoding in ("utf-8", "ascii"):
            while block := file.read(_BLOCK_BYTES):
                yield block
            return
        decoder = codecs.getincrementaldecoder(dialect.encoding)(dialect.errors)
        try:
            while block := file.read(_BLOCK_BYTES):
                yield decoder.decode(block).encode("utf-8", "surrogatepass")
            yield decoder.decode(b"", final=True).encode("utf-8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise SystemFault(
                f"the file is not {dialect.encoding}: it ends, or breaks off, in the middle of a character",
                where=path.name,
                hint="declare the encoding that it has",
                code="DV-333",
            ) from error
