"""Which files are datasets: those of a place that end as their format does, or one file."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import PurePosixPath

from dovetail.errors import DeclarationError, SchemaDrift, SystemFault
from dovetail.systems.files.place import Place, faults

__all__ = ["OURS", "Folder", "faults"]

OURS = ".dovetail-"
"""What the names of our own files begin with; they are no datasets."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of a place with these endings are datasets, named by their stems; where `only` names a file, that one
    alone."""

    place: Place
    endings: tuple[str, ...]
    only: str = ""

    def files(self) -> dict[str, str]:
        """The file of each dataset, by name, in alphabetical order."""
        if self.only:
            return {stem(self.only): self.only} if self.place.entry(self.only) is not None else {}
        found: dict[str, str] = {}
        for name in (one.name for one in self.place.entries()):
            if PurePosixPath(name).suffix.lower() not in self.endings or name.startswith("."):
                continue
            if stem(name) in found:
                words = f"{found[stem(name)]} and {name} would both be the dataset {stem(name)}"
                raise DeclarationError(words, where=self.place.words, hint="rename one of them", code="DV-335")
            found[stem(name)] = name
        return found

    def file(self, name: str) -> str:
        """The file of a dataset; `SchemaDrift` where there is none."""
        found = self.files().get(name)
        if found is None:
            raise SchemaDrift(f"there is no file for the dataset {name}", where=name)
        return found

    def new(self, name: str) -> str:
        """The file that belongs to a new dataset."""
        if self.only and name == stem(self.only):
            return self.only
        if not name or name.startswith(".") or "/" in name or "\0" in name or self.only:
            raise SystemFault(f"no file can be made for a dataset called {name!r}", where=name, code="DV-338")
        return f"{name}{self.endings[0]}"


def stem(name: str) -> str:
    """The name of a file without its ending."""
    return PurePosixPath(name).stem
