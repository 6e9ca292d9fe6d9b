"""The base is found again by whole columns: every row at its place, whatever the order, and none that is not asked for."""

import numpy as np
import pyarrow as pa
import pytest

from dovetail.engine.agreed import _met, _unpacked
from dovetail.merge.packed import CELL, pack, unpack


def test_cells_come_back_from_a_column_and_from_a_part_of_it():
    cells = np.zeros((40, 3, 2), dtype=CELL)
    cells["mark"] = np.arange(240, dtype=np.uint64).reshape(40, 3, 2) * 2**55
    cells["agreement"] = 3
    packed = pa.array(pack(cells), pa.binary())
    assert (_unpacked(packed).reshape(40, 3, 2) == unpack(packed.to_pylist(), 3, 2)).all()
    assert (_unpacked(packed.slice(7, 5)).reshape(5, 3, 2) == cells[7:12]).all()


@pytest.mark.parametrize("asked", [0, 1, 200])
@pytest.mark.parametrize("standing", [0, 1, 100])
def test_rows_are_found_among_the_numbers(asked, standing):
    random = np.random.default_rng(asked + standing)
    rows = np.sort(random.permutation(300)[:standing])
    numbers = np.concatenate([random.permutation(300)[:asked], [-1, -2][: asked // 2]]).astype(np.int64)
    place = {number: at for at, number in enumerate(numbers.tolist())}
    expected = [(at, place[row]) for at, row in enumerate(rows.tolist()) if row in place]
    source, target = _met(rows, numbers)
    assert list(zip(source.tolist(), target.tolist(), strict=True)) == expected
