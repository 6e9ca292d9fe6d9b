"""Small changes of a module, made by a machine: a comparison turned, a condition negated, a number moved by one, `and`
for `or`, a sign turned."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from copy import deepcopy
from dataclasses import dataclass
from pathlib import Path

HOUSE = Path(__file__).resolve().parents[2] / "src" / "dovetail"

TESTS: dict[str, list[str]] = {
    "analysis/dependency.py": ["tests/rooms/test_analysis.py"],
    "analysis/patterns.py": ["tests/rooms/test_analysis.py"],
    "analysis/sensitivity.py": ["tests/rooms/test_analysis.py"],
    "analysis/statistics.py": ["tests/rooms/test_analysis.py", "tests/rooms/test_analysis_measure.py"],
    "engine/book.py": ["tests/rooms/test_links.py"],
    "evidence/layout.py": ["tests/rooms/test_evidence.py"],
    "identity/columns.py": ["tests/rooms/test_pair_columns.py"],
    "identity/pair.py": ["tests/rooms/test_pair.py"],
    "mapping/arrive.py": ["tests/rooms/test_mapping.py"],
    "mapping/compile.py": ["tests/rooms/test_mapping.py"],
    "mapping/compiled.py": ["tests/rooms/test_mapping.py"],
    "mapping/laws.py": ["tests/rooms/test_invert_laws.py"],
    "mapping/settle.py": ["tests/rooms/test_mapping.py"],
    "mapping/unify.py": ["tests/rooms/test_mapping.py"],
    "merge/deletes.py": ["tests/rooms/test_deletes.py"],
    "merge/fingerprint.py": ["tests/rooms/test_fingerprint.py"],
    "merge/judge.py": ["tests/laws/test_judge.py"],
    "merge/packed.py": ["tests/rooms/test_fingerprint.py"],
    "merge/xxh3.py": ["tests/rooms/test_fingerprint.py"],
    "model/key.py": ["tests/rooms/test_key.py"],
    "model/plain.py": ["tests/rooms/test_key.py"],
    "model/run.py": ["tests/rooms/test_model.py"],
    "plan/guard.py": ["tests/rooms/test_plan.py"],
    "plan/manifest.py": ["tests/rooms/test_plan.py"],
    "plan/route.py": ["tests/rooms/test_plan.py"],
    "quality/check.py": ["tests/rooms/test_quality_declared.py"],
    "quality/fold.py": ["tests/rooms/test_quality_declared.py", "tests/rooms/test_quality_checks.py"],
    "quality/question.py": ["tests/rooms/test_quality_declared.py", "tests/rooms/test_quality_checks.py"],
    "state/seal.py": ["tests/rooms/test_state_sealed.py"],
    "steps/measure.py": ["tests/rooms/test_analysis_measure.py"],
    "systems/sql/ledger.py": ["tests/rooms/test_sql.py"],
    "systems/sql/statements.py": ["tests/rooms/test_sql.py"],
}
"""The tests that must notice a change in each module."""

TURNED: dict[type[ast.AST], type[ast.AST]] = {
    ast.Lt: ast.LtE, ast.LtE: ast.Lt, ast.Gt: ast.GtE, ast.GtE: ast.Gt, ast.Eq: ast.NotEq, ast.NotEq: ast.Eq,
    ast.Is: ast.IsNot, ast.IsNot: ast.Is, ast.In: ast.NotIn, ast.NotIn: ast.In,
    ast.And: ast.Or, ast.Or: ast.And, ast.Add: ast.Sub, ast.Sub: ast.Add, ast.Mult: ast.Add,
}  # fmt: skip

SETTLED = {"copy", "frozen", "slots", "strict"}
"""Keywords whose flags are habits, not behaviour."""


@dataclass(frozen=True)
class Mutant:
    """One small change: where it is, what it is, and the program's text with it."""

    module: str
    line: int
    change: str
    text: str


def mutants_of(module: str) -> Iterator[Mutant]:
    """Every small change of a module."""
    tree = ast.parse((HOUSE / module).read_text())
    settled = {
        constant
        for node in ast.walk(tree)
        if isinstance(node, ast.keyword) and node.arg in SETTLED
        for constant in ast.walk(node)
    }
    for number, node in enumerate(ast.walk(tree)):
        for change, broken in () if node in settled else _broken(node):
            copy = deepcopy(tree)
            twin = next(other for at, other in enumerate(ast.walk(copy)) if at == number)
            for name, value in broken.items():
                setattr(twin, name, value)
            yield Mutant(module, getattr(node, "lineno", 0), change, ast.unparse(ast.fix_missing_locations(copy)))


def _broken(node: ast.AST) -> Iterator[tuple[str, dict[str, object]]]:
    """The ways to break one node: a word for each, and the attributes that change."""
    if isinstance(node, ast.Compare):
        for at, operator in enumerate(node.ops):
            turned = TURNED[type(operator)]()
            yield (
                f"{type(operator).__name__} to {type(turned).__name__}",
                {"ops": [*node.ops[:at], turned, *node.ops[at + 1 :]]},
            )
    elif isinstance(node, ast.BoolOp | ast.BinOp) and type(node.op) in TURNED:
        turned = TURNED[type(node.op)]()
        yield f"{type(node.op).__name__} to {type(turned).__name__}", {"op": turned}
    elif isinstance(node, ast.If | ast.IfExp | ast.While):
        yield "condition negated", {"test": ast.UnaryOp(ast.Not(), node.test)}
    elif isinstance(node, ast.Constant) and isinstance(node.value, bool):
        yield f"{node.value} to {not node.value}", {"value": not node.value}
    elif isinstance(node, ast.Constant) and isinstance(node.value, int):
        yield f"{node.value} to {node.value + 1}", {"value": node.value + 1}
    elif isinstance(node, ast.UnaryOp) and isinstance(node.op, ast.Not):
        yield "not removed", {"op": ast.UAdd(), "operand": ast.Call(ast.Name("bool", ast.Load()), [node.operand], [])}
