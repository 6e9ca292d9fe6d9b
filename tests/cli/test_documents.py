"""The documents of `--json` are what docs/reference/run-summary.md says, key by key, and their numbers add up."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from dovetail.model.run import OUTCOMES

PAGE = Path(__file__).resolve().parents[2] / "docs" / "reference" / "run-summary.md"
SECTION = re.compile(r"<!-- document: ([a-z ]+) -->\n\n(.*?)(?=\n\n|\Z)", re.DOTALL)
ROW = re.compile(r"^\| `([^`]+)` \| ([^|]+) \|", re.MULTILINE)
KINDS = {
    "text": str,
    "number": (int, float),
    "bool": bool,
    "false": bool,
    "null": type(None),
    "object": dict,
    "any": object,
}


def documented() -> dict[str, dict[str, str]]:
    """Per document: each key's path, and its type."""
    return {
        name: {path: kind.strip() for path, kind in ROW.findall(table)}
        for name, table in SECTION.findall(PAGE.read_text())
    }


SHAPES = documented()


def breaches(shape: dict[str, str], document: object) -> list[str]:
    """What a document holds that the page does not say, and what the page says that the document lacks."""
    found: list[str] = []
    _walk(shape, document, "", found)
    return found


def _walk(shape: dict[str, str], part: object, path: str, found: list[str]) -> None:
    if path in shape:
        kinds = shape[path].rstrip("?").split(" or ")
        if not any(
            isinstance(part, KINDS[kind]) and (kind != "number" or not isinstance(part, bool)) for kind in kinds
        ):
            found.append(f"{path} is no {shape[path]}: {part!r}")
        return
    if isinstance(part, list):
        for item in part:
            _walk(shape, item, f"{path}[]", found)
    elif isinstance(part, dict):
        start = f"{path}." if path else ""
        found += [f"{start}{name} is missing" for name in _required(shape, start) if name not in part]
        for name, value in part.items():
            _walk(shape, value, _below(shape, start, name), found)
    else:
        found.append(f"{path} is not on the page: {part!r}")


def _required(shape: dict[str, str], start: str) -> list[str]:
    """The names that must stand in a part; lists and tables may be empty."""
    paths = [path[len(start) :] for path, kind in shape.items() if path.startswith(start) and not kind.endswith("?")]
    names = dict.fromkeys(path.split(".")[0].split("[")[0] for path in paths)
    return [name for name in names if not name.isupper()]


def _below(shape: dict[str, str], start: str, name: str) -> str:
    nexts = {known[len(start) :].split(".")[0].split("[")[0] for known in shape if known.startswith(start)}
    wild = [known for known in nexts if known.isupper()]
    return start + (name if name in nexts or not wild else wild[0])


def adds_up(document: dict) -> bool:
    return all(count["rows"] == sum(count[outcome] for outcome in OUTCOMES) for count in document["mappings"].values())


RUNS = [
    ("plan",),
    ("plan", "--sql"),
    ("plan", "--mapping", "category"),
    ("migrate",),
    ("verify",),
    ("apply", ".dovetail/plan"),
    ("migrate",),
    ("rejects", "retry"),
]


def test_every_run_summary_is_as_documented_and_adds_up(project, run, touch):
    for words in RUNS:
        if words[0] == "verify":
            touch(
                "stock",
                "UPDATE item SET price = 1, label = 'x' WHERE code = 'P-1'; DELETE FROM item WHERE code = 'P-2'",
            )
        document = run(*words, "--json").document
        assert breaches(SHAPES["run"], document) == [], words
        assert adds_up(document), words


def test_a_plan_its_apply_and_a_second_run_count_the_same_rows(project, run):
    planned = run("plan", "--json").document["mappings"]["product"]
    applied = run("apply", ".dovetail/plan", "--json").document["mappings"]["product"]
    again = run("migrate", "--json").document["mappings"]["product"]
    assert {name: planned[name] for name in ("rows", *OUTCOMES)} == {
        "rows": 3, "created": 1, "updated": 1, "deleted": 0, "unchanged": 0, "filtered": 0, "quarantined": 1, "conflicts": 0,
    }  # fmt: skip
    assert applied == {name: value for name, value in planned.items() if name != "path"}
    assert applied["members"]["stock"] == {"created": 1, "updated": 1, "deleted": 0}
    assert (again["unchanged"], again["created"], again["updated"], again["quarantined"]) == (2, 0, 0, 1)


def test_verify_counts_fields_and_names_them(project, run, touch):
    run("migrate")
    touch("stock", "UPDATE item SET price = 1, label = 'x' WHERE code = 'P-1'")
    document = run("verify", "--json").document
    assert document["ok"] is False
    assert document["mappings"]["product"]["different"] == 2
    different = {(one["field"], one["key"]["no"]) for one in document["findings"] if one["severity"] == "difference"}
    assert {field for field, _ in different} == {"price", "name"}


OTHERS = {
    "check": ("check",),
    "doctor": ("doctor",),
    "map show": ("map", "show"),
    "map test": ("map", "test"),
    "rejects": ("rejects",),
    "status": ("status",),
    "analyze": ("analyze",),
    "capture": ("capture",),
}


@pytest.mark.parametrize("name", OTHERS)
def test_the_other_documents_are_as_documented(name, project, run, touch):
    assert breaches(SHAPES[name], run(*OTHERS[name], "--json").document) == []
    run("migrate")
    touch("stock", "UPDATE item SET status = 'Q'")
    run("migrate")
    assert breaches(SHAPES[name], run(*OTHERS[name], "--json").document) == []


def test_a_reject_is_shown_with_its_value(project, run):
    run("migrate")
    document = run("rejects", "show", "1", "--json").document
    assert breaches(SHAPES["rejects"], document) == []
    assert document["rejects"][0]["key"] == "13"
    assert "value" not in run("rejects", "--json").document["rejects"][0]


def test_a_conflict_its_answer_why_and_its_undo_are_as_documented(project, run, touch):
    mapping = project / "mappings" / "product.yaml"
    mapping.write_text(mapping.read_text().replace("stock: label,    owner: shop", "stock: label,    policy: ask"))
    assert run("migrate").code == 1
    for words in (("conflicts",), ("conflicts", "show", "1"), ("conflicts", "--field", "nix")):
        document = run(*words, "--json").document
        assert breaches(SHAPES["conflicts"], document) == [], words
    assert document["total"] == 0
    settled = [
        run("conflicts", "resolve", "1", *words, "--json").document
        for words in (("--take", "nobody"), ("--value", "Table"), ("--take", "stock", "--yes"))
    ]
    assert [breaches(SHAPES["conflicts resolve"], one) for one in settled] == [[], [], []]
    assert [(one["ok"], one["done"], one["ordered"]) for one in settled] == [
        (False, False, 0), (False, False, 0), (True, True, 1),
    ]  # fmt: skip
    done = run("migrate", "--json").document["run"]
    assert breaches(SHAPES["conflicts"], run("conflicts", "show", "1", "--json").document) == []
    for words in (("shop.product", "12"), ("stock.item", "901", "name"), ("shop.product", "11")):
        assert breaches(SHAPES["why"], run("why", *words, "--json").document) == [], words
    plan, undone = run("undo", done, "--json"), run("undo", done, "--yes", "--json")
    assert [breaches(SHAPES["undo"], one.document) for one in (plan, undone)] == [[], []]
    assert (plan.code, undone.document["done"], len(undone.document["back"])) == (1, True, 1)


def test_what_notes_changes_is_as_documented(project, run):
    assert breaches(SHAPES["capture"], run("capture", "--make", "--json").document) == []


def test_what_init_writes(project, run):
    document = run("init", "one=shop.db", "two=stock.db", "--project", "other", "--json").document
    assert breaches(SHAPES["init"], document) == []


def test_errors_are_as_documented(project, run):
    for words in (("plan", "--mapping", "x"), ("nix",), ("--json",), ("map",), ("check", "--project", "nowhere")):
        assert breaches(SHAPES["error"], run(*words, "--json").document) == []


def test_the_page_is_read_whole():
    told = {"conflicts", "conflicts resolve", "why", "undo"}
    assert set(SHAPES) == {"error", "run", "init", *told, *OTHERS}
    assert SHAPES["run"]["mappings.MAPPING.rows"] == "number"


def test_a_breach_is_noticed():
    shape = {"a": "number", "b[].c": "text?", "m.NAME.n": "number"}
    assert breaches(shape, {"a": 1, "b": [{"c": "x"}], "m": {"any": {"n": 1}}}) == []
    assert breaches(shape, {"a": True, "m": {"any": {"n": 1}}}) == ["a is no number: True"]
    assert breaches(shape, {"a": 1, "b": [{"d": 1}], "m": {"x": {"n": 1}}}) == ["b[].d is not on the page: 1"]
    assert breaches(shape, {"a": 1}) == ["m is missing"]
    assert breaches(shape, {"a": 1, "m": {"x": {}}}) == ["m.NAME.n is missing"]


def test_linked_rows_stand_at_two_members(project, run, touch):
    mapping = project / "mappings" / "product.yaml"
    mapping.write_text(mapping.read_text().replace("{dataset: product}", "{dataset: product, creates: never}"))
    touch("stock", "INSERT INTO item VALUES (902, 'OWN', 'only here', 1, 'A', NULL)")
    run("migrate")
    assert run("status", "--json").document["mappings"]["product"] == {"linked": 2, "rejects": 1, "conflicts": 0}


def test_a_row_that_a_system_refused_is_held_and_not_still_to_be_created(project, run, touch):
    touch("stock", "CREATE TRIGGER no BEFORE INSERT ON item WHEN NEW.code = 'P-1' BEGIN SELECT RAISE(ABORT, 'no'); END")
    run("migrate")
    found = run("verify", "--json").document
    counts = found["mappings"]["product"]
    assert (counts["created"], counts["quarantined"], counts["different"]) == (0, 2, 0)
    assert found["ok"] is True
    assert adds_up(found)
