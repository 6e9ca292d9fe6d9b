"""Words that almost are part of the language, each refused with its code; and what only a programmer can do wrong."""

from __future__ import annotations

import pytest
from sqlglot import exp

from dovetail.errors import DeclarationError
from dovetail.expression.allow import check_tree
from dovetail.expression.function import function, function_of
from dovetail.expression.parse import from_tree, parse
from dovetail.expression.resolve import resolve_node
from dovetail.expression.scope import Scope
from dovetail.expression.tree import Node, Op
from dovetail.expression.types import infer
from dovetail.model.type import Kind, Type

SCOPE = {"x": Type(Kind.INTEGER), "t": Type(Kind.TEXT), "b": Type(Kind.BOOLEAN)}


@pytest.mark.parametrize(
    ("text", "code"),
    [
        ("x -- really", "DV-122"),
        ("x /* really */ + 1", "DV-122"),
        ("x IS 5", "DV-124"),
        ("x IN ()", "DV-128"),
        ("if(b, 1)", "DV-128"),
        ("CAST(x AS DECIMAL(40, 2))", "DV-126"),
        ("CAST(x AS DECIMAL(1, 2, 3))", "DV-126"),
        ("CAST(x AS DECIMAL(4, 5))", "DV-126"),
        ("'open", "DV-120"),
        ("x +", "DV-120"),
        ("", "DV-120"),
        ("x, t", "DV-120"),
        ("other.x", "DV-125"),
        ("x + 1234567890123456789012345678901234567890", "DV-128"),
    ],
)
def test_what_is_almost_an_expression(text, code):
    with pytest.raises(DeclarationError) as caught:
        infer(parse(text), SCOPE)
    assert caught.value.code == code


@pytest.mark.parametrize(
    ("text", "given"),
    [("0.0", "decimal(1, 1)"), ("x / 1", "decimal(19, 0)"), ("-0.00", "decimal(2, 2)")],
)
def test_the_type_of_what_looks_simple(text, given):
    assert str(infer(parse(text), SCOPE)) == given


@pytest.mark.parametrize(
    "tree",
    [
        exp.Anonymous(this="pg_sleep", expressions=[exp.Literal.number(9)]),
        exp.Column(this=exp.Star()),
        exp.column("x", table="pg_catalog"),
        exp.Select(expressions=[exp.Star()]),
        exp.Cast(this=exp.column("x"), to=exp.DataType.build("BIGINT"), format=exp.Literal.string("9")),
    ],
    ids=lambda tree: type(tree).__name__,
)
def test_a_tree_that_was_not_made_from_text_passes_the_same_list(tree):
    """Text is refused by its words before; whoever builds trees must not get past the list either."""
    with pytest.raises(DeclarationError):
        from_tree(tree)


def test_comments_in_a_tree_are_refused():
    tree = exp.column("x")
    tree.add_comments(["really"])
    with pytest.raises(DeclarationError) as caught:
        check_tree(tree, None)
    assert caught.value.code == "DV-122"


def test_what_the_list_lets_in_by_mistake_has_still_no_meaning():
    with pytest.raises(DeclarationError) as caught:
        resolve_node(exp.Star(), Scope(SCOPE, None))
    assert caught.value.code == "DV-124"


def test_a_function_must_say_what_it_takes():
    with pytest.raises(TypeError, match="says no kind"):

        @function()
        def careless(value: int) -> int:
            return value

    with pytest.raises(TypeError, match="no call"):
        function_of(Node(Op.COLUMN, None, (), "x"))
