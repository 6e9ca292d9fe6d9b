"""A delete against whatever happened elsewhere: all cases, under every rule, in both kinds of passes."""

import pytest
from lab import writes
from matrix import CASES, RULES, SIDES, documented, happen, mapping, name_of, outcomes, passes


@pytest.mark.parametrize("way", ["whole", "scope"])
@pytest.mark.parametrize("rule", RULES)
def test_every_case_comes_out_as_documented(lab, rule, way):
    made = lab(SIDES, {"thing": mapping(rule)})
    for number, case in enumerate(CASES):
        made.sql("left", "INSERT INTO thing (id, n, v) VALUES (?, ?, 'same')", number + 1, name_of(*case))
    with passes(made, way) as run:
        run.catch_up()
        happen(made, rule)
        run.catch_up()
        assert outcomes(made) == documented(rule)
        assert writes(run.catch_up()) == 0
        assert outcomes(made) == documented(rule)
    assert writes(made.migrate(for_sync=True)) == 0
