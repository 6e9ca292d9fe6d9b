"""Mappings compiled over catalogs: what a cell becomes, where it can be written, and every mistake told at once."""

from __future__ import annotations

import pytest

from dovetail.errors import DeclarationError, Declarations, Location, UnknownName
from dovetail.expression.invert import Reversibility
from dovetail.mapping.arrive import unwritable
from dovetail.mapping.compile import compile_mapping
from dovetail.mapping.laws import is_tested
from dovetail.mapping.settle import settled
from dovetail.mapping.unify import unify
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field
from dovetail.model.mapping import Cell, Fill, Mapping, Match, Member, SharedField
from dovetail.model.type import Kind, Type

AT = Location("mappings/thing.yaml", 3, 5)
TEXT, WHOLE, TRUTH, DAY = (Type(kind) for kind in (Kind.TEXT, Kind.INTEGER, Kind.BOOLEAN, Kind.DATE))
MONEY = Type(Kind.DECIMAL, 12, 2)


def dataset(name="t", kind=DatasetKind.TABLE, key=("id",), **types):
    fields = [Field("id", WHOLE), *(Field(field, given) for field, given in types.items())]
    return Dataset(name, kind, tuple(fields), key=key)


def cells(**reads):
    return tuple((name, read if isinstance(read, Cell) else Cell(read, AT)) for name, read in reads.items())


def compiled(fields, left, right=None, variables=None, match=None, **parts):
    """A mapping of one or two members, `left` and `right`, over these datasets; `parts` go to the left member."""
    datasets = {"left": left, "right": right} if right is not None else {"left": left}
    members = []
    for name, held in datasets.items():
        more = parts if name == "left" else {}
        members.append(Member(name, name, more.pop("dataset", held.name), AT, **more))
    mapping = Mapping("thing", tuple(members), tuple(fields), AT, match=match)
    return compile_mapping(mapping, {name: Catalog((held,)) for name, held in datasets.items()}, variables or {})


def one(read, left, **parts):
    """The only cell of a mapping with the shared field `v`."""
    return compiled([SharedField("v", cells(left=read), AT)], left, **parts).members[0].cells[0]


def mistakes(*arguments, **parts):
    with pytest.raises(Declarations) as caught:
        compiled(*arguments, **parts)
    return caught.value.mistakes


def texts(writes):
    return [(name, write.text) for name, write in writes]


def test_a_plain_cell_is_read_and_written():
    cell = one("price / 100", dataset(price=WHOLE))
    assert (cell.read.text, str(cell.type), cell.columns) == ("price / 100", "decimal(19, 2)", ("price",))
    assert texts(cell.writes) == texts(cell.creates) == [("price", "v * 100")]
    assert cell.kind is Reversibility.LOSSLESS


def test_codes_and_what_stands_for_nothing_become_part_of_the_cell():
    cell = one(Cell("state", AT, codes=(("A", True), ("X", False)), nothing="-"), dataset(state=TEXT))
    assert cell.read.text == (
        "CASE NULLIF(state, '-') WHEN 'A' THEN TRUE WHEN 'X' THEN FALSE ELSE unmapped(NULLIF(state, '-')) END"
    )
    assert cell.type.kind is Kind.BOOLEAN
    (name, write), *_ = cell.creates
    assert name == "state"
    assert "WHEN TRUE THEN 'A'" in write.text
    assert "'-'" in write.text


def test_variables_and_lets_are_bound_and_a_let_may_use_the_one_before():
    given = dataset(price=WHOLE)
    cell = one("net", given, variables={"cents": 100}, lets=(("whole", "price / cents"), ("net", "whole + 1")))
    assert cell.read.text == "((price / 100) + 1)"


def test_conditions_and_fills_are_bound_too():
    given = dataset(v=TEXT, made=TEXT, company=WHOLE, gone=TRUTH, at=DAY)
    fills = (Fill("made", "'us'", "create", AT), Fill("company", "company", "always", AT))
    whole = compiled(
        [SharedField("v", cells(left="v"), AT)],
        given,
        variables={"company": 7},
        where="company = 7 AND v <> 'x'",
        gone="gone",
        changed="at",
        wants="v <> company_name",
        fills=fills,
    ).members[0]
    assert whole.where.text == "7 = 7 AND v <> 'x'"
    assert [(fill.column, fill.expression.text, fill.on_create_only) for fill in whole.fills] == [
        ("made", "'us'", True),
        ("company", "7", False),
    ]
    assert whole.wants.text == "v <> company_name"
    assert whole.columns == ("id", "v", "made", "company", "gone", "at")


def test_the_columns_of_a_member_come_once_and_the_key_first():
    given = dataset(v=TEXT, w=TEXT, key=("w", "id"))
    whole = compiled([SharedField("v", cells(left="left(v, 3)"), AT), SharedField("w", cells(left="w"), AT)], given)
    assert whole.members[0].columns == ("w", "id", "v")


def test_what_is_always_filled_is_not_written_by_a_cell():
    parts = {"fills": (Fill("price", "v + 1", "always", AT),)}
    assert one("price", dataset(price=WHOLE), **parts).writes == ()
    parts = {"fills": (Fill("price", "v + 1", "create", AT),)}
    assert texts(one("price", dataset(price=WHOLE), **parts).writes) == [("price", "v")]


@pytest.mark.parametrize(
    ("given", "reason"),
    [
        (dataset(v=TEXT, kind=DatasetKind.VIEW), "view 't' is only read"),
        (dataset(v=TEXT, kind=DatasetKind.QUERY), "query 't' is only read"),
        (
            Dataset("t", DatasetKind.TABLE, (Field("id", WHOLE), Field("v", TEXT, computed=True)), key=("id",)),
            "'v' is computed by the system",
        ),
    ],
)
def test_what_a_system_does_not_let_us_write_is_one_way(given, reason):
    cell = one("v", given)
    assert (cell.kind, cell.writes, cell.creates, cell.reason) == (Reversibility.ONE_WAY, (), (), reason)


def test_a_view_can_be_compiled_but_not_written():
    assert not compiled([], dataset(kind=DatasetKind.VIEW)).members[0].writable
    assert compiled([], dataset()).members[0].writable


def test_a_writing_direction_by_hand():
    given = dataset(first=TEXT, last=TEXT)
    by_hand = Cell("first || ' ' || last", AT, write=(("first", "left(v, 1)"), ("last", "substr(v, 3)")))
    assert [name for name, _ in one(by_hand, given).writes] == ["first", "last"]
    alone = one(Cell("upper(first)", AT, write=(("", "lower(v)"),)), given)
    assert texts(alone.creates) == [("first", "LOWER(v)")]
    assert alone.kind is Reversibility.RESTORE


def test_a_dataset_or_field_that_is_not_there_is_told_with_the_nearest():
    (mistake,) = mistakes([], dataset("people"), dataset="peeple")
    assert (type(mistake), mistake.code, mistake.where) == (UnknownName, "DV-201", AT)
    assert mistake.hint == "did you mean 'people'?"
    (mistake,) = mistakes([SharedField("v", cells(left="pirce"), AT)], dataset(price=WHOLE))
    assert (mistake.code, mistake.hint) == ("DV-203", "did you mean 'price'?")
    many = dataset(**{f"column{at}": TEXT for at in range(20)})
    (mistake,) = mistakes([SharedField("v", cells(left="zzz"), AT)], many)
    assert mistake.hint.startswith("known names: column0, column1, column10, ")
    assert mistake.hint.endswith(" ...")
    (mistake,) = mistakes([], dataset(), fills=(Fill("nowhere", "1", "create", AT),))
    assert (mistake.code, mistake.hint) == ("DV-203", "known names: id")
    (mistake,) = mistakes([], dataset(), key=("idd",))
    assert (mistake.code, mistake.hint) == ("DV-203", "did you mean 'id'?")


def test_a_dataset_needs_a_key():
    (mistake,) = mistakes([], dataset(key=()))
    assert mistake.code == "DV-202"
    assert compiled([], dataset(key=()), key=("id",)).members[0].key == ("id",)


def test_types_must_meet():
    fields = [SharedField("v", cells(left="v", right="v"), AT)]
    (mistake,) = mistakes(fields, dataset(v=TEXT), dataset(v=DAY))
    assert mistake.code == "DV-204"
    assert "left: text, right: date" in mistake.message
    whole = compiled(fields, dataset(v=WHOLE), dataset(v=MONEY))
    assert str(whole.types["v"]) == "decimal(21, 2)"


def test_a_reference_keeps_the_types_of_its_members():
    fields = [SharedField("v", cells(left="v", right="v"), AT, ref="other"), SharedField("unknown", (), AT)]
    assert compiled(fields, dataset(v=WHOLE), dataset(v=TEXT)).types == {}


def test_write_must_name_the_field_where_several_are_read():
    given = dataset(first=TEXT, last=TEXT)
    field = SharedField("v", cells(left=Cell("first || last", AT, write=(("", "v"),))), AT)
    (mistake,) = mistakes([field], given)
    assert mistake.code == "DV-205"


def test_two_cells_may_not_write_one_column():
    fields = [SharedField(name, cells(left="v"), AT) for name in ("a", "b")]
    (mistake,) = mistakes(fields, dataset(v=TEXT))
    assert mistake.code == "DV-206"
    assert mistake.message == "field 'v' of 't' is fed by 'a' and by 'b'"


def test_two_cells_may_write_parts_of_one_column():
    fields = [SharedField(name, cells(left=f"split_part(v, '-', {at})"), AT) for at, name in ((1, "a"), (2, "b"))]
    (fill,) = compiled(fields, dataset(v=TEXT)).members[0].fills
    assert (fill.column, fill.on_create_only) == ("v", False)
    assert set(fill.expression.names) == {"a", "b"}


def test_all_mistakes_of_all_members_are_told_together():
    fields = [SharedField("v", cells(left="nope", right="v"), AT), SharedField("w", cells(left="lower(id)"), AT)]
    found = mistakes(fields, dataset(), dataset(v=TEXT, key=()))
    assert [mistake.code for mistake in found] == ["DV-203", "DV-127", "DV-202"]


def test_a_derived_writing_direction_that_does_not_fit_makes_its_cell_one_way():
    whole = compiled([SharedField("v", cells(left="v"), AT)], dataset(v=TEXT))
    (cell,) = settled(whole.members[0], whole.mapping, {"v": DAY}).cells
    assert (cell.kind, cell.writes, cell.creates) == (Reversibility.ONE_WAY, (), ())
    assert "field 'v' is text, its writing expression gives date" in cell.reason


@pytest.mark.parametrize(
    ("write", "code"), [(("v", "v || 'x'"), "DV-127"), (("v", "u"), "DV-208"), (("nowhere", "u"), "DV-203")]
)
def test_a_writing_direction_by_hand_that_does_not_fit_is_a_mistake(write, code):
    by_hand = SharedField("v", cells(left=Cell("v", AT, write=(write,))), AT)
    with pytest.raises(DeclarationError) as caught:
        compiled([by_hand, SharedField("u", cells(left="u"), AT)], dataset(v=WHOLE, u=TEXT))
    assert (caught.value.code, caught.value.where) == (code, AT)


def test_the_laws_speak_of_cells_that_are_written_from_their_own_field():
    """What another shared field is needed for, no single value can prove."""
    given = dataset(v=TEXT)
    assert is_tested(one("v", given), ("v", "u"))
    assert not is_tested(one("length(v)", given), ("v", "u"))
    fields = [
        SharedField("v", cells(left=Cell("v", AT, write=(("v", "v || u"),))), AT),
        SharedField("u", cells(left="u"), AT),
    ]
    by_hand = compiled(fields, dataset(v=TEXT, u=TEXT)).members[0].cells[0]
    assert not is_tested(by_hand, ("v", "u"))
    assert is_tested(by_hand, ("v",))


def test_an_exact_field_is_written_from_a_float_only_where_the_float_stands_for_it():
    fields = [SharedField("v", cells(left="v", right="v"), AT)]
    left, _ = compiled(fields, dataset(v=MONEY), dataset(v=Type(Kind.FLOAT))).members
    assert "unmapped(v)" in left.cells[0].writes[0][1].text
    by_hand = [SharedField("v", cells(left=Cell("v", AT, write=(("v", "CAST(v AS DECIMAL(12, 2))"),)), right="v"), AT)]
    left, _ = compiled(by_hand, dataset(v=MONEY), dataset(v=Type(Kind.FLOAT))).members
    assert "unmapped" not in left.cells[0].writes[0][1].text


def test_a_cell_that_changes_changes_its_digest():
    """The base is forgotten exactly where its fingerprints were made by another cell."""
    given = dataset(v=TEXT, w=TEXT)
    digests = [
        one(read, given).digest
        for read in ("v", "w", "lower(v)", Cell("v", AT, write=(("v", "upper(v)"),)), Cell("v", AT, nothing=""))
    ]
    assert len(set(digests)) == len(digests)
    assert one("v", given).digest == one(" v ", given).digest
    assert one("v", given).digest != one("v", dataset(v=Type(Kind.UUID))).digest


def test_a_computed_field_is_written_like_a_fill_and_never_read():
    """A computed field may use another one; what remains are fields that members give."""
    fields = [
        SharedField("v", cells(right="v"), AT),
        SharedField("double", cells(left="price"), AT, value="v * factor"),
        SharedField("more", cells(left="total"), AT, value="double + 1"),
    ]
    left, right = compiled(fields, dataset(price=WHOLE, total=WHOLE), dataset(v=WHOLE), variables={"factor": 2}).members
    assert left.cells == ()
    assert [(fill.column, fill.expression.text) for fill in left.fills] == [
        ("price", "v * 2"),
        ("total", "(v * 2) + 1"),
    ]
    assert right.fills == ()
    (mistake,) = mistakes(
        [fields[0], SharedField("double", cells(left="pirce"), AT, value="v * 2")],
        dataset(price=WHOLE),
        dataset(v=WHOLE),
    )
    assert (mistake.code, mistake.hint) == ("DV-203", "did you mean 'price'?")


@pytest.mark.parametrize("together", [True, False])
def test_every_member_gives_what_pairs_its_rows(together):
    fields = [SharedField("v", cells(left="v", right="v"), AT), SharedField("w", cells(left="w"), AT)]
    datasets = (dataset(v=TEXT, w=TEXT), dataset(v=TEXT))
    assert compiled(fields, *datasets, match=Match(("v",), together))
    if together:
        with pytest.raises(DeclarationError, match="matched by 'w', which member 'right' does not give"):
            compiled(fields, *datasets, match=Match(("v", "w"), together))
    else:
        assert compiled(fields, *datasets, match=Match(("v", "w"), together))
        with pytest.raises(DeclarationError, match="matched by 'w'"):
            compiled(fields, *datasets, match=Match(("w",), together))


ONE_WAY = "length(v)"


@pytest.mark.parametrize(
    ("left", "right", "parts", "field", "found"),
    [
        (ONE_WAY, "w", {}, {}, ["left"]),
        (ONE_WAY, ONE_WAY, {}, {}, ["left", "right"]),
        (ONE_WAY, "w", {}, {"owner": "left"}, []),
        (ONE_WAY, "w", {}, {"owner": "right"}, ["left"]),
        (ONE_WAY, "w", {"fills": (Fill("v", "CAST(x AS TEXT)", "always", AT),)}, {}, []),
        ("w", "w", {}, {}, []),
        (ONE_WAY, None, {}, {}, []),
    ],
)
def test_values_that_could_never_arrive_are_told(*, left, right, parts, field, found):
    reads = {name: read for name, read in (("left", left), ("right", right)) if read}
    fields = [SharedField("x", cells(**reads), AT, **field)]
    whole = compiled(fields, dataset(v=TEXT, w=WHOLE), dataset(v=TEXT, w=WHOLE), **parts)
    told = list(unwritable(whole))
    assert [mistake.message.split("at ")[1].split(":")[0] for mistake in told] == [repr(name) for name in found]
    assert all("a number about a text does not say the text" in mistake.message for mistake in told)


def test_nothing_must_arrive_at_a_view_nor_by_a_computed_field():
    fields = [
        SharedField("x", cells(left="v", right="v"), AT),
        SharedField("sum", cells(right="w"), AT, value="x + 1"),
    ]
    whole = compiled(fields, dataset(v=WHOLE, kind=DatasetKind.VIEW), dataset(v=WHOLE, w=WHOLE))
    assert list(unwritable(whole)) == []


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ([Type(Kind.TEXT, length=5), Type(Kind.TEXT, length=9)], "text"),
        ([Type(Kind.INTEGER, minimum=0, maximum=9), Type(Kind.INTEGER)], "integer"),
        ([Type(Kind.DECIMAL, 10, 2), Type(Kind.DECIMAL, 8, 4)], "decimal(12, 4)"),
        ([Type(Kind.DECIMAL, 38, 2), Type(Kind.DECIMAL, 38, 10)], "decimal(38, 10)"),
        ([Type(Kind.DECIMAL), Type(Kind.DECIMAL, 12, 2)], "decimal(38, 18)"),
        ([Type(Kind.DECIMAL, 6, 2), Type(Kind.INTEGER)], "decimal(21, 2)"),
        ([Type(Kind.UUID), Type(Kind.TEXT)], "text"),
        ([Type(Kind.UUID), Type(Kind.UUID)], "uuid"),
        ([Type(Kind.DECIMAL, 6, 2), Type(Kind.FLOAT), Type(Kind.INTEGER)], "float"),
    ],
)
def test_the_type_in_which_members_meet(given, expected):
    assert str(unify(given)) == str(unify(given[::-1])) == expected


def test_types_that_do_not_meet():
    with pytest.raises(ValueError, match="date and text have no common type"):
        unify([Type(Kind.TEXT), Type(Kind.DATE)])
    money = Type(Kind.OPAQUE, native="money")
    assert unify([money, money]).native == "money"
    with pytest.raises(ValueError):
        unify([money, Type(Kind.TEXT)])


def test_a_field_that_no_other_member_gives_is_left_to_the_system_in_new_rows():
    fields = [SharedField("n", cells(left="n", right="n"), AT), SharedField("v", cells(left="v"), AT)]
    left, right = compiled(fields, dataset(n=WHOLE, v=WHOLE), dataset(n=WHOLE)).members
    shared, own = left.cells
    assert (texts(shared.creates), texts(own.writes), own.creates) == ([("n", "n")], [("v", "v")], ())
    assert texts(right.cells[0].creates) == [("n", "n")]


SOFT = {"hidden": Type(Kind.BOOLEAN), "state": WHOLE, "deleted_at": Type(Kind.DATE)}


@pytest.mark.parametrize(
    ("gone", "revive", "expected"),
    [
        ("hidden", (), [("hidden", "FALSE")]),
        ("(hidden)", (), [("hidden", "FALSE")]),
        ("NOT hidden", (), [("hidden", "TRUE")]),
        ("deleted_at IS NOT NULL", (), [("deleted_at", "NULL")]),
        ("NOT (deleted_at IS NULL)", (), [("deleted_at", "NULL")]),
        ("deleted_at IS NULL", (), []),
        ("state = 9", (), []),
        ("hidden AND state = 9", (), []),
        ("state = 9", (("state", "1"),), [("state", "1")]),
        ("hidden", (("state", "old_state"),), [("state", "7")]),
    ],
)
def test_how_a_row_comes_back_follows_from_gone_only_where_nothing_else_can_be_meant(gone, revive, expected):
    one = compiled(
        [SharedField("n", cells(left="n"), AT)],
        dataset(n=WHOLE, **SOFT),
        gone=gone,
        remove=(("hidden", "TRUE"),),
        revive=revive,
        lets=(("old_state", "7"),),
    ).members[0]
    assert texts(one.revive) == expected
    assert texts(one.remove) == [("hidden", "TRUE")]
    assert {"hidden", *(name for name, _ in expected)} <= set(one.columns)


@pytest.mark.parametrize(("remove", "code"), [(("nothing", "1"), "DV-280"), (("state", "'x'"), "DV-281")])
def test_columns_that_cannot_say_that_a_row_is_deleted(remove, code):
    (mistake,) = mistakes(
        [SharedField("n", cells(left="n"), AT)], dataset(n=WHOLE, **SOFT), gone="hidden", remove=(remove,)
    )
    assert mistake.code == code


@pytest.mark.parametrize(
    ("field", "why"),
    [
        (SharedField("v", (), AT), "no member gives"),
        (SharedField("v", cells(left="v"), AT, ref="other"), "is a reference"),
        (SharedField("v", cells(left="v"), AT, value="n + 1"), "is computed"),
    ],
)
def test_a_wish_is_about_values_that_members_hold(field, why):
    with pytest.raises(DeclarationError, match=why) as caught:
        compiled([SharedField("n", cells(left="n"), AT), field], dataset(n=WHOLE, v=WHOLE), wants="v > 1")
    assert caught.value.code == "DV-283"
