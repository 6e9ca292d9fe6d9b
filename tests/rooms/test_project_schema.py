"""The JSON Schemas and the reference page say what the loader does."""

from __future__ import annotations

from pathlib import Path

import jsonschema
import pytest

from dovetail.project.keys import TABLES
from dovetail.project.node import Listing, Node, Table
from dovetail.project.reference import page
from dovetail.project.schema import schema
from dovetail.project.yaml import compose

ROOT = Path(__file__).resolve().parents[2]
DEMO = ROOT / "src" / "dovetail" / "demo" / "project"
CASES = ROOT / "tests" / "golden" / "declarations"


def native(node: Node | None) -> object:
    """As an editor reads the file: keys are texts."""
    if isinstance(node, Table):
        return {entry.name: native(entry.value) for entry in node}
    if isinstance(node, Listing):
        return [native(item) for item in node]
    if node is None:
        return None
    return float(node.value) if type(node.value).__name__ == "Decimal" else node.value


def faults(path: Path) -> list[str]:
    name = "dovetail" if path.name == "dovetail.yaml" else "mapping"
    document = native(compose(path.read_bytes(), path.name).root)
    return [error.message for error in jsonschema.Draft202012Validator(schema()[name]).iter_errors(document)]


def test_schemas_are_schemas() -> None:
    assert sorted(schema()) == ["dovetail", "mapping"]
    for document in schema().values():
        jsonschema.Draft202012Validator.check_schema(document)
        assert document["$schema"] == "https://json-schema.org/draft/2020-12/schema"


@pytest.mark.parametrize("path", sorted(DEMO.rglob("*.yaml")), ids=lambda path: path.name)
def test_good_files_are_taken(path: Path) -> None:
    assert faults(path) == []


@pytest.mark.parametrize(
    ("case", "file"),
    [
        ("missing_keys", "dovetail.yaml"),
        ("missing_keys", "mappings/product.yaml"),
        ("unknown_keys", "dovetail.yaml"),
        ("unknown_keys", "mappings/product.yaml"),
        ("wrong_shapes", "dovetail.yaml"),
        ("wrong_shapes", "mappings/product.yaml"),
        ("version_newer", "dovetail.yaml"),
        ("version_as_text", "dovetail.yaml"),
        ("bad_names", "dovetail.yaml"),
        ("not_a_list", "mappings/product.yaml"),
        ("not_yet", "mappings/product.yaml"),
        ("query_without_key", "dovetail.yaml"),
        ("environment_changes_unknown", "dovetail.yaml"),
        ("unknown_word_in_member", "mappings/product.yaml"),
        ("set_names_unknown_field", "mappings/product.yaml"),
        ("soft_delete_without_words", "mappings/product.yaml"),
        ("match_bare_list", "mappings/product.yaml"),
        ("match_both_ways", "mappings/product.yaml"),
        ("policy_unknown", "mappings/product.yaml"),
        ("delta_without_first", "mappings/product.yaml"),
        ("cell_says_nothing", "mappings/product.yaml"),
        ("guard_out_of_range", "dovetail.yaml"),
        ("guard_out_of_range", "mappings/product.yaml"),
        ("vars_unreadable", "dovetail.yaml"),
    ],
)
def test_files_with_mistakes_of_shape_are_refused(case: str, file: str) -> None:
    assert faults(CASES / case / file)


def test_every_key_is_described() -> None:
    for keys in TABLES.values():
        assert keys.words.endswith("."), keys.title
        for key in (*keys.keys, *([keys.others] if keys.others else [])):
            assert key.words.endswith("."), key.name
            assert key.words[0].isupper() or key.words[0] == "`", key.name


def test_every_key_of_the_format_is_in_the_schema() -> None:
    """The keys that the frame names, so that none is forgotten."""
    known = {key.name for keys in TABLES.values() for key in keys.keys}
    named = """dovetail project systems connector timezone queries sql key watches defaults policy guard rows share vars environments
    state goals people mapping members dataset system where let set value when changed gone remove wants leaves creates match
    together any nth fields read write field codes null owner elsewhere prefer min max order first floor recount ref by check
    deletes every groups parts within moves"""
    assert set(named.split()) <= known


def test_the_reference_page_is_the_code_s_own() -> None:
    stands = (ROOT / "docs" / "reference" / "project-file.md").read_text(encoding="utf-8")
    assert stands.rstrip() == page().rstrip(), "run: python -m docs.generate"
    for keys in TABLES.values():
        for key in keys.keys:
            assert f"| `{key.name}` |" in stands
