"""A declared mapping and the catalogs of its members, compiled into typed expressions."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Iterable, Iterator
from collections.abc import Mapping as Bindings
from typing import TypeVar

from dovetail.errors import DeclarationError, Declarations, UnknownName
from dovetail.expression.invert import Reversibility, declared, invert, together
from dovetail.expression.parse import Expression, choose, literal, parse, substitute
from dovetail.expression.types import infer
from dovetail.mapping.compiled import CompiledCell, CompiledFill, CompiledMapping, CompiledMember
from dovetail.mapping.ruled import rules_hold
from dovetail.mapping.settle import settled
from dovetail.mapping.turn import revival, turn_columns
from dovetail.mapping.unify import unify
from dovetail.model.catalog import Catalog, Dataset, DatasetKind
from dovetail.model.mapping import Cell, Fill, Mapping, Member, SharedField
from dovetail.model.type import Type

_T = TypeVar("_T")


def compile_mapping(
    mapping: Mapping, catalogs: Bindings[str, Catalog], variables: Bindings[str, object]
) -> CompiledMapping:
    """Compile a mapping; `catalogs` by system name, `variables` by name. Raises `Declarations` with every mistake
    found."""
    mistakes: list[DeclarationError] = []
    bound = {name: literal(value) for name, value in variables.items()}
    members: list[CompiledMember] = []
    for member in mapping.members:
        try:
            dataset = _dataset(member, catalogs[member.system])
            members.append(_member(mapping, member, dataset, bound))
        except Declarations as several:
            mistakes += several.mistakes
        except DeclarationError as mistake:
            mistakes.append(mistake)
    if mistakes:
        raise Declarations(mistakes)
    found = dict(_collect(lambda field: _shared_type(field, members), mapping.fields))
    types = {name: given for name, given in found.items() if given}
    _pairs_everywhere(mapping, members)
    _wishes(mapping, members, types)
    rules_hold(mapping, members)
    return CompiledMapping(mapping, tuple(settled(member, mapping, types) for member in members), types)


def _pairs_everywhere(mapping: Mapping, members: Iterable[CompiledMember]) -> None:
    """Every member must give the fields that pair its rows: all of them together, or at least one where any does."""
    if mapping.match is None:
        return
    for member in members:
        unknown = [name for name in mapping.match.fields if member.cell(name) is None]
        if len(unknown) > (0 if mapping.match.together else len(mapping.match.fields) - 1):
            raise DeclarationError(
                f"rows are matched by {', '.join(map(repr, unknown))}, which member {member.name!r} does not give",
                where=mapping.at,
                code="DV-218",
                hint=f"add a cell of {member.name} to that field, or match by other fields",
            )


def _wishes(mapping: Mapping, members: Iterable[CompiledMember], types: Bindings[str, Type]) -> None:
    """What a member wants is asked of values that members hold."""
    for member in members:
        for name in member.wants.names if member.wants is not None else ():
            field = mapping.field(name)
            if field is None or name in types:
                continue
            why = "is a reference" if field.ref is not None else "no member gives"
            if field.value is not None:
                why = "is computed"
            raise DeclarationError(
                f"`wants` of {member.name!r} asks for {name!r}, which {why}",
                where=member.member.at,
                code="DV-283",
                hint="ask for a shared field that at least one member has a plain cell of",
            )


def _collect(work: Callable[[SharedField], _T], fields: Iterable[SharedField]) -> list[tuple[str, _T]]:
    """Do the work for every field; raise all its mistakes together."""
    done: list[tuple[str, _T]] = []
    mistakes: list[DeclarationError] = []
    for field in fields:
        try:
            done.append((field.name, work(field)))
        except DeclarationError as mistake:
            mistakes.append(mistake)
    if mistakes:
        raise Declarations(mistakes)
    return done


def _dataset(member: Member, catalog: Catalog) -> Dataset:
    dataset = catalog.dataset(member.dataset)
    if dataset is None:
        raise UnknownName(
            f"system {member.system!r} holds no dataset {member.dataset!r}",
            where=member.at,
            hint=_nearest(member.dataset, [known.name for known in catalog.datasets]),
            code="DV-201",
        )
    return dataset


def _shared_type(field: SharedField, members: list[CompiledMember]) -> Type | None:
    cells = [(member.name, cell) for member in members if (cell := member.cell(field.name))]
    if field.ref is not None or not cells:
        return None
    try:
        return unify([cell.type for _, cell in cells])
    except ValueError as error:
        given = ", ".join(f"{name}: {cell.type}" for name, cell in cells)
        raise DeclarationError(
            f"the members give {field.name!r} in types that do not meet ({given}): {error}",
            where=field.at,
            code="DV-204",
            hint="write CAST(... AS ...) in one of the cells",
        ) from error


def _member(mapping: Mapping, member: Member, dataset: Dataset, variables: Bindings[str, Expression]) -> CompiledMember:
    scope = {field.name: field.type for field in dataset.fields}
    bindings = dict(variables)
    for name, text in member.lets:
        bindings[name] = substitute(parse(text, at=member.at), bindings)
    fields = [field for field in mapping.fields if field.cell(member.name) is not None and field.value is None]
    gone = _over_columns(member.gone, member, scope, bindings)
    cells = _collect(lambda field: _cell(field, member, dataset, bindings), fields)
    return CompiledMember(
        member=member,
        dataset=dataset,
        key=_key(member, dataset),
        cells=tuple(cell for _, cell in cells),
        fills=(
            *(_fill(fill, dataset, variables) for fill in member.fills),
            *_shared_columns(cells, member, dataset),
            *_computed(mapping, member, dataset, variables),
        ),
        where=_over_columns(member.where, member, scope, bindings),
        gone=gone,
        changed=_over_columns(member.changed, member, scope, bindings),
        wants=substitute(parse(member.wants, at=member.at), variables) if member.wants else None,
        scope=scope,
        remove=turn_columns(member, member.remove, scope, bindings),
        revive=turn_columns(member, member.revive, scope, bindings) or revival(gone, scope),
    )


def _computed(
    mapping: Mapping, member: Member, dataset: Dataset, variables: Bindings[str, Expression]
) -> Iterator[CompiledFill]:
    """The columns that take computed fields: written like `set:`, from the other shared fields."""
    values = {field.name: parse(field.value, at=field.at) for field in mapping.fields if field.value}
    for field in mapping.fields:
        cell = field.cell(member.name)
        if cell is None or field.value is None:
            continue
        column = parse(cell.read, at=cell.at).names[0]
        _known(column, dataset, member)
        expression = values[field.name]
        while any(name in values for name in expression.names):
            expression = substitute(expression, values)
        yield CompiledFill(column, substitute(expression, variables), on_create_only=False)


def _key(member: Member, dataset: Dataset) -> tuple[str, ...]:
    key = member.key or dataset.key
    if not key:
        raise DeclarationError(
            f"dataset {dataset.name!r} of {member.system!r} has no primary key",
            where=member.at,
            code="DV-202",
            hint="name the fields that identify a row: key: [field, ...]",
        )
    for part in key:
        _known(part, dataset, member)
    return key


def _known(name: str, dataset: Dataset, member: Member) -> None:
    if dataset.field(name) is None:
        raise UnknownName(
            f"dataset {dataset.name!r} of {member.system!r} has no field {name!r}",
            where=member.at,
            hint=_nearest(name, dataset.names),
            code="DV-203",
        )


def _over_columns(
    text: str | None, member: Member, scope: Bindings[str, Type], bindings: Bindings[str, Expression]
) -> Expression | None:
    if text is None:
        return None
    expression = substitute(parse(text, at=member.at), bindings)
    infer(expression, scope)
    return expression


def _cell(field: SharedField, member: Member, dataset: Dataset, bindings: Bindings[str, Expression]) -> CompiledCell:
    cell = field.cell(member.name)
    assert cell is not None
    scope = {known.name: known.type for known in dataset.fields}
    read = _reading(cell, bindings)
    for name in read.names:
        if name not in scope:
            raise UnknownName(
                f"dataset {dataset.name!r} of {member.system!r} has no field {name!r}",
                where=cell.at,
                hint=_nearest(name, dataset.names),
                code="DV-203",
            )
    kind = infer(read, scope)
    if cell.write:
        inverse = declared(read, _declared_writes(cell, read), shared=field.name, scope=scope)
    else:
        inverse = invert(read, shared=field.name, scope=scope)
    recount = _recount(field, dataset, bindings)
    obstacle = _obstacle(dataset, [name for name, _ in inverse.writes])
    if obstacle:
        codes = tuple(asked for asked in inverse.profile if asked.code_map)
        return CompiledCell(field.name, read, kind, read.names, (), Reversibility.ONE_WAY, obstacle, codes, (), recount)
    filled = {fill.column for fill in member.fills if fill.on != "create"}
    writes, creates = (
        tuple((name, write) for name, write in written if name not in filled)
        for written in (inverse.writes, inverse.creates)
    )
    return CompiledCell(
        field.name, read, kind, read.names, writes, inverse.kind, inverse.reason, inverse.profile, creates, recount
    )


def _recount(field: SharedField, dataset: Dataset, bindings: Bindings[str, Expression]) -> Expression | None:
    """What tells a count from a movement, where the member has the fields for it."""
    if field.recount is None:
        return None
    expression = substitute(parse(field.recount, at=field.at), bindings)
    scope = {known.name: known.type for known in dataset.fields}
    if not set(expression.names) <= scope.keys():
        return None
    infer(expression, scope)
    return expression


def _declared_writes(cell: Cell, read: Expression) -> tuple[tuple[str, Expression], ...]:
    if len(cell.write) == 1 and cell.write[0][0] == "":
        if len(read.names) != 1:
            raise DeclarationError(
                "this cell reads several fields, so `write` must name the field it fills",
                where=cell.at,
                code="DV-205",
                hint="write: {field: expression}",
            )
        return ((read.names[0], parse(cell.write[0][1], at=cell.at)),)
    return tuple((name, parse(text, at=cell.at)) for name, text in cell.write)


def _obstacle(dataset: Dataset, names: list[str]) -> str:
    """Why these columns can never be written; empty where they can."""
    if dataset.kind is not DatasetKind.TABLE:
        return f"{dataset.kind} {dataset.name!r} is only read"
    computed = [name for name in names if (field := dataset.field(name)) is not None and field.computed]
    return f"{computed[0]!r} is computed by the system" if computed else ""


def _reading(cell: Cell, bindings: Bindings[str, Expression]) -> Expression:
    """The cell in the reading direction: constants bound, `null:` and `codes:` made part of it."""
    read = substitute(parse(cell.read, at=cell.at), bindings)
    if cell.nothing is not None:
        read = substitute(parse("NULLIF(value, nothing)"), {"value": read, "nothing": literal(cell.nothing)})
    if cell.codes:
        read = choose(read, [(literal(own), literal(shared)) for own, shared in cell.codes])
    return read


def _fill(fill: Fill, dataset: Dataset, variables: Bindings[str, Expression]) -> CompiledFill:
    if dataset.field(fill.column) is None:
        raise UnknownName(
            f"dataset {dataset.name!r} has no field {fill.column!r}",
            where=fill.at,
            hint=_nearest(fill.column, dataset.names),
            code="DV-203",
        )
    expression = substitute(parse(fill.expression, at=fill.at), variables)
    return CompiledFill(fill.column, expression, fill.on == "create")


def _shared_columns(
    cells: list[tuple[str, CompiledCell]], member: Member, dataset: Dataset
) -> tuple[CompiledFill, ...]:
    """Columns that several cells write in part, each with one expression that writes all the parts."""
    fed: dict[str, dict[str, Expression]] = {}
    for field, cell in cells:
        for name, write in cell.writes:
            fed.setdefault(name, {})[field] = write
    fills = []
    for name, writes in fed.items():
        if len(writes) > 1:
            whole = together(list(writes.values()), name)
            if whole is None:
                fields = " and by ".join(repr(field) for field in writes)
                raise DeclarationError(
                    f"field {name!r} of {dataset.name!r} is fed by {fields}",
                    where=member.at,
                    code="DV-206",
                    hint=f"say how they make one value: set: {{{name}: expression over both}}",
                )
            fills.append(CompiledFill(name, whole, on_create_only=False))
    return tuple(fills)


def _nearest(name: str, known: Iterable[str]) -> str:
    names = list(known)
    near = difflib.get_close_matches(name, names, n=3, cutoff=0.5)
    if near:
        return "did you mean " + " or ".join(repr(candidate) for candidate in near) + "?"
    return "known names: " + ", ".join(sorted(names)[:12]) + (" ..." if len(names) > 12 else "")
