"""Which files are datasets: those of a place that end as their format does, or one file."""

from __future__ import annotations

import fnmatch
from dataclasses import dataclass, field
from pathlib import PurePosixPath

from dovetail.errors import DeclarationError, SchemaDrift, SystemFault
from dovetail.systems.files.place import Place, faults

__all__ = ["OURS", "Folder", "faults"]

OURS = ".dovetail-"
"""What the names of our own files begin with; they are no datasets."""


UNFINISHED = (".tmp", ".temp", ".part", ".partial", ".filepart", ".crdownload", ".swp", ".lock")
"""How the names of files end that somebody is still writing."""


@dataclass(frozen=True, slots=True)
class Folder:
    """The files of a place with these endings are datasets, named by their stems; where `only` names a file, that one
    alone."""

    place: Place
    endings: tuple[str, ...]
    only: str = ""
    patterns: tuple[str, ...] = ()
    """Files with such names are parts of datasets, and none by themselves."""
    ready: str = ""
    """Where given, a file counts once one stands beside it that has this ending besides, such as `.done`."""
    settle_s: float = 0.0
    """A file counts once it has not changed for so long, as far as was seen."""
    _seen: dict[str, tuple[str, float]] = field(default_factory=dict, compare=False)

    def files(self) -> dict[str, str]:
        """The file of each dataset, by name, in alphabetical order."""
        if self.only:
            return {stem(self.only): self.only} if self.place.entry(self.only) is not None else {}
        found: dict[str, str] = {}
        there = {one.name for one in self.place.entries()}
        for name in sorted(there):
            if PurePosixPath(name).suffix.lower() not in self.endings or not self._counts(name, there):
                continue
            if any(fnmatch.fnmatchcase(name, pattern) for pattern in self.patterns):
                continue
            if stem(name) in found:
                words = f"{found[stem(name)]} and {name} would both be the dataset {stem(name)}"
                raise DeclarationError(words, where=self.place.words, hint="rename one of them", code="DV-335")
            found[stem(name)] = name
        return found

    def matching(self, pattern: str) -> list[str]:
        """The files of that pattern, by name."""
        within, slash, _ = pattern.rpartition("/")
        there = {f"{within}{slash}{one.name}" for one in self.place.entries(within)}
        return [name for name in sorted(there) if fnmatch.fnmatchcase(name, pattern) and self._counts(name, there)]

    def unsettled_s(self, name: str, now: float) -> float:
        """For how long the file is still to be left alone; `now` is a time of a clock that only goes on."""
        entry = self.place.entry(name)
        mark = "" if entry is None else entry.mark
        seen = self._seen.get(name)
        if seen is None or seen[0] != mark:
            self._seen[name] = seen = (mark, now)
        return seen[1] + self.settle_s - now

    def _counts(self, name: str, there: set[str]) -> bool:
        """Whether a file is one of data, and whole as far as names tell."""
        bare = PurePosixPath(name).name
        if bare.startswith((".", "~$")) or bare.endswith("~") or PurePosixPath(bare).suffix.lower() in UNFINISHED:
            return False
        if not self.ready:
            return True
        beside = (f"{name}{self.ready}", f"{name.removesuffix(PurePosixPath(name).suffix)}{self.ready}")
        return not bare.endswith(self.ready) and not there.isdisjoint(beside)

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
