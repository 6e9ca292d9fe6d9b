"""Every connector has a stand, no stand forgets a group, and the values are as many as promised."""

from __future__ import annotations

import pytest
from tests.fidelity.hostile import GROUPS, VALUES
from tests.fidelity.pairs import EXEMPT, connectors, missing_server
from tests.fidelity.stand import SCENES, Stand, missing, planted, stand_of

VALUES_MIN = 180


@pytest.fixture
def stand(request, tmp_path, fidelity_servers):
    if reason := missing_server(request.param, fidelity_servers):
        pytest.skip(reason)
    made = stand_of(request.param, tmp_path, fidelity_servers)
    yield made
    made.close()


@pytest.mark.server
@pytest.mark.parametrize("stand", connectors(), indirect=True)
def test_no_stand_forgets_a_group(stand):
    assert missing(stand) == []
    excused = set(stand.absent) & {column.group for column in planted(stand).columns}
    assert not excused - {"V02", "V07", "V08"}, f"planted, and said to be absent: {excused}"


@pytest.mark.server
@pytest.mark.parametrize("stand", connectors(), indirect=True)
def test_every_family_of_others_has_a_type_to_go_to(stand):
    families = {family for group in VALUES.values() for family in group}
    assert families <= stand.targets.keys() | {"raw"}, "a family without a type of this system"


def test_every_connector_has_a_stand(tmp_path):
    """One that has none fails here, unless there is a reason why nothing of it can be read without Dovetail."""
    from dovetail.systems import registry

    assert {*connectors(), *EXEMPT} == set(registry.names())
    assert all(EXEMPT.values())


def test_a_forgotten_group_is_noticed():
    class Forgetful:
        connector, key, sources, targets, extras, absent = "forgetful", "int", {"text": "text"}, {}, (), {"V06": ""}

        def literal(self, family: str, native: str, plain: str) -> object:
            return plain

    stand: Stand = Forgetful()  # type: ignore[assignment]
    assert {"V01", "V06", "V08"} <= set(missing(stand))
    assert "V17" not in missing(stand)
    assert not SCENES & set(missing(stand))


def test_a_connector_without_a_stand_fails(tmp_path):
    with pytest.raises(LookupError, match="no stand for the connector nothing_of_the_kind"):
        stand_of("nothing_of_the_kind", tmp_path, {})


@pytest.mark.server
def test_the_values_are_many(tmp_path, fidelity_servers):
    """By group and name each counts once, wherever it is planted."""
    names = {(group, name) for group, families in VALUES.items() for values in families.values() for name in values}
    for connector in connectors():
        if not missing_server(connector, fidelity_servers):
            stand = stand_of(connector, tmp_path / connector, fidelity_servers)
            names |= {(column.group, name) for column in stand.extras for name in column.values}
            stand.close()
    assert len(names) >= VALUES_MIN
    assert {group for group, _ in names} | SCENES == set(GROUPS)
