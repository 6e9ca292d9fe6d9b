"""A change's columns, held against the fields that a dataset describes."""

from __future__ import annotations

import pyarrow as pa

from dovetail.errors import Refused, SchemaDrift
from dovetail.model.carrier import recast
from dovetail.model.catalog import Dataset, DatasetKind, Field
from dovetail.model.change import Change, Verb


def known(dataset: Dataset, name: str) -> Field:
    """The field of that name; a name that the dataset does not have is drift."""
    described = dataset.field(name)
    if described is None:
        raise SchemaDrift(f"{dataset.name} has no field {name!r}", where=f"{dataset.name}.{name}")
    return described


def conform(array: pa.Array, described: Field) -> pa.Array:
    """The column in the carrier of its field's type."""
    carrier = described.type.arrow()
    if array.type == carrier:
        return array
    try:
        return recast(array, carrier)
    except pa.ArrowException as error:
        raise Refused(f"values of type {array.type} do not fit {described.type}", where=described.name) from error


def check_writable(dataset: Dataset, change: Change) -> None:
    """Refuse a change that no row of the dataset can take."""
    if dataset.kind is not DatasetKind.TABLE:
        raise Refused(f"{dataset.name} is a {dataset.kind}; only tables can be written", where=dataset.name)
    for name in change.rows.schema.names:
        if known(dataset, name).computed:
            raise Refused(f"the system computes {name} itself", where=f"{dataset.name}.{name}")
    if change.verb is not Verb.CREATE and not dataset.key:
        raise Refused(f"{dataset.name} has no key by which a row could be named", where=dataset.name)
