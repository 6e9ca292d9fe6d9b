"""Which files are datasets: those of a folder that end as their format does, or one file."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

from dovetail.errors import AccessDenied, DeclarationError, Full, SchemaDrift, SystemFault, Unreachable

OURS = ".dovetail-"
"""What the names of our own files begin with; they are no datasets."""


@dataclass(frozen=True, slots=True)
class Folder:
    """A folder, or a single file, whose files with these endings are datasets, named by their stems."""

    path: Path
    endings: tuple[str, ...]

    @property
    def is_single(self) -> bool:
        """Whether the system is one file."""
        return self.path.is_file()

    @property
    def home(self) -> Path:
        """The folder in which everything stands."""
        return self.path.parent if self.is_single else self.path

    def files(self) -> dict[str, Path]:
        """The file of each dataset, by name, in alphabetical order."""
        with faults(self.path.name):
            if self.is_single:
                return {self.path.stem: self.path}
            if not self.path.is_dir():
                raise Unreachable(
                    f"the folder {self.path.name} is not there",
                    where=str(self.path),
                    hint="check the path; a relative one counts from the project's folder",
                )
            found: dict[str, Path] = {}
            for entry in sorted(os.scandir(self.path), key=lambda one: one.name):
                path = Path(entry.path)
                if path.suffix.lower() not in self.endings or entry.name.startswith(".") or not entry.is_file():
                    continue
                if path.stem in found:
                    words = f"{found[path.stem].name} and {path.name} would both be the dataset {path.stem}"
                    raise DeclarationError(words, where=str(self.path), hint="rename one of them", code="DV-335")
                found[path.stem] = path
            return found

    def file(self, name: str) -> Path:
        """The file of a dataset; `SchemaDrift` where there is none."""
        path = self.files().get(name)
        if path is None:
            raise SchemaDrift(f"there is no file for the dataset {name}", where=name)
        return path

    def new(self, name: str) -> Path:
        """Where the file of a new dataset belongs."""
        if not name or name.startswith(".") or "/" in name or "\0" in name or os.sep in name or self.is_single:
            raise SystemFault(f"no file can be made for a dataset called {name!r}", where=name, code="DV-338")
        return self.path / f"{name}{self.endings[0]}"


@contextmanager
def faults(where: str) -> Iterator[None]:
    """Errors of the operating system leave as Dovetail's."""
    try:
        yield
    except PermissionError as error:
        hint = "let this account read (and, for a target, write) the file and its folder"
        raise AccessDenied("the file or its folder may not be used", where=where, hint=hint) from error
    except OSError as error:
        if error.errno in (28, 122):
            raise Full("no room left for the file", where=where) from error
        raise Unreachable(f"the file cannot be used: {error.strerror or error}", where=where) from error
