"""The report: every name is escaped, nothing is fetched, and the drawing is orderly."""

from __future__ import annotations

import xml.etree.ElementTree as ET
from html.parser import HTMLParser
from itertools import pairwise

import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.console import Console

from dovetail.analysis.answer import Analysis, Link, Overlap, SystemAnalysis
from dovetail.analysis.dependency import dependency
from dovetail.analysis.statistics import fold
from dovetail.evidence.diagram import diagram
from dovetail.evidence.layout import Measures, arrange, crossings, mirrored, spaced
from dovetail.evidence.report import document, page
from dovetail.evidence.text import overview
from dovetail.evidence.words import short
from dovetail.model.catalog import Catalog, Dataset, DatasetKind, Field, Reference
from dovetail.model.type import Kind, Type

HOSTILE = '<script>alert("x")</script>&\'[bold]'


def system(name: str, parents: dict[str, list[str]]) -> SystemAnalysis:
    fields = (Field("id", Type(Kind.INTEGER)), Field("email", Type(Kind.TEXT)), Field("kind", Type(Kind.TEXT)))
    datasets = tuple(
        Dataset(
            dataset,
            DatasetKind.TABLE,
            fields,
            ("id",),
            references=tuple(Reference(("id",), p, ("id",)) for p in needed),
        )
        for dataset, needed in parents.items()
    )
    rows = pa.table({"id": [1, 2], "email": ["ada@secret.example", "ada@secret.example"], "kind": [HOSTILE, HOSTILE]})
    catalog = Catalog(datasets)
    profiles = tuple(fold(dataset, rows, rows=2) for dataset in datasets)
    return SystemAnalysis(name, "sqlite", catalog, dependency(catalog), profiles, ("write",), ("a note",), 0.1)


@pytest.fixture
def analysis() -> Analysis:
    left = system(
        "shop", {"customer": [], "order": ["customer"], "tree": ["tree"], "a": ["b"], "b": ["a"], HOSTILE: []}
    )
    right = system("stock", {"partner": [], "sale": ["partner"]})
    links = (Link("customer", ("shop", "customer"), ("stock", "partner"), (("email", "email", "mail"),)),)
    return Analysis(
        HOSTILE, (left, right), links, (Overlap("customer", "shop", "stock", 1, 2, 3, 1),), "2026-01-01T00:00:00"
    )


class Tags(HTMLParser):
    """Every tag with its attributes, and the identifiers."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))


def test_names_cannot_break_out(analysis: Analysis) -> None:
    text = page(analysis)
    assert [tag for tag, _ in Tags(text).tags].count("script") == 1
    assert "<script>alert" not in text


def test_nothing_is_fetched(analysis: Analysis) -> None:
    text = page(analysis)
    for tag, attributes in Tags(text).tags:
        assert tag not in {"link", "img", "iframe", "object", "embed", "use", "base"}
        assert "src" not in attributes
        assert str(attributes.get("href", "#")).startswith("#")
    assert "url(" not in text
    assert "http:" not in text.replace("http://www.w3.org/2000/svg", "")
    assert "https:" not in text


def test_every_link_has_its_place(analysis: Analysis) -> None:
    tags = Tags(page(analysis)).tags
    places = [attributes["id"] for _, attributes in tags if attributes.get("id")]
    assert len(places) == len(set(places))
    wanted = {str(attributes["href"])[1:] for _, attributes in tags if attributes.get("href")}
    assert wanted <= set(places)


def test_personal_values_are_shown_nowhere(analysis: Analysis) -> None:
    assert "secret.example" not in page(analysis)
    assert "secret.example" not in repr(document(analysis))


def test_the_drawing_holds_every_dataset_and_tie(analysis: Analysis) -> None:
    root = ET.fromstring(diagram(analysis))
    classes = [(element.get("class") or "").split(" ")[0] for element in root.iter()]
    assert classes.count("node") == 8
    assert classes.count("edge") == 2 + 2
    assert classes.count("thread") == 2
    assert classes.count("pill") == 1


def test_an_empty_project_has_a_page() -> None:
    assert "<!doctype html>" in page(Analysis("empty", ()))


def test_terminal_shows_every_dataset_and_keeps_markup_out(analysis: Analysis) -> None:
    console = Console(width=200, record=True, file=None, quiet=False, force_terminal=False)
    with console.capture() as shown:
        console.print(overview(analysis))
    text = shown.get()
    assert all(name in text for name in ("customer", "partner", "sale", "[bold]"))
    assert "secret.example" not in text


@given(st.lists(st.tuples(st.floats(-1e4, 1e4), st.floats(1, 100)), min_size=1, max_size=12))
def test_spaced_things_keep_order_and_room(things: list[tuple[float, float]]) -> None:
    names = [str(at) for at in range(len(things))]
    found = spaced(names, [wish for wish, _ in things], lambda name: things[int(name)][1])
    for upper, lower in pairwise(names):
        needed = (things[int(upper)][1] + things[int(lower)][1]) / 2
        assert found[lower] - found[upper] >= needed - 1e-6


@given(st.lists(st.integers(1, 6), min_size=1, max_size=5), st.randoms(use_true_random=False))
def test_boxes_never_touch_and_lines_end_at_them(sizes: list[int], rng: st.DataObject) -> None:
    layers = [[f"{layer}.{at}" for at in range(size)] for layer, size in enumerate(sizes)]
    edges = [
        (rng.choice(layers[first]), name)
        for second in range(1, len(layers))
        for name in layers[second]
        for first in [rng.randrange(second)]
    ]
    drawing = arrange(layers, edges, lambda _: 50.0, Measures())
    assert set(drawing.boxes) == {name for layer in layers for name in layer}
    assert {(line.parent, line.child) for line in drawing.lines} == set(edges)
    boxes = list(drawing.boxes.values())
    for at, one in enumerate(boxes):
        assert one.x + one.width <= drawing.width + 1e-6
        assert -1e-6 <= one.y <= drawing.height
        for other in boxes[:at]:
            apart_x = one.x + one.width <= other.x or other.x + other.width <= one.x
            apart_y = one.y + one.height <= other.y + 1e-6 or other.y + other.height <= one.y + 1e-6
            assert apart_x or apart_y


def test_a_mirror_of_a_mirror_is_the_drawing() -> None:
    drawing = arrange([["a"], ["b", "c"]], [("a", "b"), ("a", "c")], lambda _: 10.0, Measures())
    assert mirrored(drawing).boxes["a"].x > mirrored(drawing).boxes["b"].x
    assert mirrored(mirrored(drawing)) == drawing


def test_a_chain_is_drawn_straight() -> None:
    lone = arrange([["a"], ["b"], ["c"]], [("a", "b"), ("b", "c")], lambda _: 10.0, Measures())
    assert lone.boxes["a"].y == lone.boxes["b"].y == lone.boxes["c"].y == Measures().node_gap / 2
    assert (lone.boxes["b"].x, lone.width) == (10 + Measures().layer_gap, 30 + 2 * Measures().layer_gap)


def test_a_parent_stands_in_the_middle_of_its_children() -> None:
    drawing = arrange([["p"], ["x", "y", "z"]], [("p", name) for name in "xyz"], lambda _: 10.0, Measures())
    assert drawing.boxes["p"].y == pytest.approx(drawing.boxes["y"].y)


def test_a_long_line_passes_beside_what_stands_between() -> None:
    drawing = arrange([["a"], ["b"], ["c"]], [("a", "b"), ("b", "c"), ("a", "c")], lambda _: 10.0, Measures())
    long = next(line for line in drawing.lines if (line.parent, line.child) == ("a", "c"))
    box = drawing.boxes["b"]
    assert [x for x, _ in long.via] == [box.x, box.x + box.width]
    assert all(not box.y <= y <= box.y + box.height for _, y in long.via)


def test_untangling_removes_what_can_be_removed() -> None:
    layers = [["a", "b", "c"], ["x", "y", "z"]]
    edges = [("a", "z"), ("b", "y"), ("c", "x")]
    drawing = arrange(layers, edges, lambda _: 10.0, Measures())
    order = [sorted(layer, key=lambda name: drawing.boxes[name].y) for layer in layers]
    after = {parent: [child] for parent, child in edges}
    assert crossings(order, after) == 0
    assert crossings(layers, after) == 3


@given(st.integers(0, 10**13))
def test_short_numbers_are_short(number: int) -> None:
    assert len(short(number)) <= 7
