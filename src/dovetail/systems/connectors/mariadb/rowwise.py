"""One statement for each row of a change, many in one message; what the server refuses is refused by position."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pymysql

from dovetail.model.change import Reject
from dovetail.systems.connectors.mariadb.bind import Values
from dovetail.systems.connectors.mariadb.faults import blames_row
from dovetail.systems.connectors.mariadb.phrase import pieces
from dovetail.systems.connectors.mariadb.pipe import BATCH_BYTES, Answer, answers, batches
from dovetail.systems.connectors.mariadb.session import Session
from dovetail.systems.connectors.mariadb.spell import literals
from dovetail.systems.sql import refusal

_GROUP_BYTES = 32_000_000
_PACKET_ROOM = 1_000
_NOTHING = pa.scalar("", pa.string())

Refuse = Callable[[int, pymysql.Error], Reject]
"""The words with which a row is refused for an error."""


def carry_out(
    session: Session, sql: str, columns: Sequence[Values], positions: Sequence[int], refuse: Refuse
) -> tuple[Mapping[int, Answer], Mapping[int, Reject]]:
    """The server's answer for each row at those positions, and the rows that it refused: those are as they were.

    The parameters of the statement are the columns, in their order."""
    answered: dict[int, Answer] = {}
    refused: dict[int, Reject] = {}
    session.take_several()
    bytes_max = session.packet_bytes - _PACKET_ROOM
    for some in groups(columns, positions):
        todo = []
        for at, statement in zip(some, _statements(sql, columns, some), strict=True):
            if len(statement) <= bytes_max:
                todo.append((at, statement))
            else:
                words = "longer than one statement may be (max_allowed_packet)"
                refused[at] = refusal.reject(at, refusal.UNFIT, detail=words)
        for batch in batches([statement for _, statement in todo], min(BATCH_BYTES, bytes_max)):
            _send(session, todo[batch.start : batch.stop], answered, refused, refuse)
    return answered, refused


def groups(columns: Sequence[Values], positions: Sequence[int]) -> Iterator[Sequence[int]]:
    """The positions in groups whose texts fit into memory together."""
    rows = max((len(values.texts) for values in columns), default=1)
    size = sum(values.texts.nbytes for values in columns)
    step = max(1, int(_GROUP_BYTES / max(1.0, size / max(1, rows))))
    for first in range(0, len(positions), step):
        yield positions[first : first + step]


def heavy(columns: Sequence[Values], positions: Sequence[int], bytes_max: int) -> list[int]:
    """The positions whose texts are longer than that together."""
    if sum(values.texts.nbytes for values in columns) <= bytes_max:
        return []
    sizes = sum(
        (pc.fill_null(pc.binary_length(values.texts), 0).to_numpy().astype("int64") for values in columns),
        start=np.zeros(len(columns[0].texts), "int64"),
    )
    return [at for at in positions if sizes[at] > bytes_max]


def _send(
    session: Session,
    todo: Sequence[tuple[int, bytes]],
    answered: dict[int, Answer],
    refused: dict[int, Reject],
    refuse: Refuse,
) -> None:
    """Send statements together; behind a refused one the others again."""
    while todo:
        done = 0
        try:
            for answer in answers(session.connection, [statement for _, statement in todo]):
                answered[todo[done][0]] = answer
                done += 1
        except pymysql.Error as error:
            if not blames_row(error):
                raise
            at = todo[done][0]
            refused[at] = refuse(at, error)
            done += 1
        todo = todo[done:]


def _statements(sql: str, columns: Sequence[Values], positions: Sequence[int]) -> list[bytes]:
    """The statement of each row, made for all of them at once."""
    some = [values.take(positions) for values in columns]
    written = [literals(values.texts, values.kind) for values in some]
    parts = [written[piece - 1] if isinstance(piece, int) else pa.scalar(piece, pa.string()) for piece in pieces(sql)]
    if not written:
        return [sql.encode()] * len(positions)
    whole = pc.binary_join_element_wise(*parts, _NOTHING)
    statements: list[bytes] = whole.cast(pa.binary()).to_pylist()
    return statements
