"""The cross-reference as a scope of a load sees it: nothing of the loaded mapping is linked yet but its own rows."""

from __future__ import annotations

import pyarrow as pa

from dovetail.engine.book import Book, Numbers
from dovetail.engine.links import Links
from dovetail.mapping.compiled import CompiledMapping


class ScopeLinks(Links):
    """Links of one scope. What concerns other mappings is asked of the run's links; nothing is kept beyond the
    scope."""

    def __init__(self, links: Links, mapping: CompiledMapping, *, durable: bool = True) -> None:
        members = [member.name for member in mapping.members]
        super().__init__(links.store, {mapping.name: members}, durable=durable and links.durable)
        self.held, self.finished, self.unpaired = links.held, links.finished, links.unpaired
        self._beyond = links
        self._mapping = mapping.name
        self._books.update({(mapping.name, member): Book() for member in members})

    def numbers(self, mapping: str, member: str, keys: pa.Array) -> Numbers:
        """The shared row of each key; `NO_ROW` where the key is null or unknown."""
        if mapping == self._mapping:
            return super().numbers(mapping, member, keys)
        return self._beyond.numbers(mapping, member, keys)

    def keys_of(self, mapping: str, member: str, numbers: Numbers) -> pa.Array:
        """The key of each shared row at a member; null where it has none, and for `NO_ROW`."""
        if mapping == self._mapping:
            return super().keys_of(mapping, member, numbers)
        return self._beyond.keys_of(mapping, member, numbers)
