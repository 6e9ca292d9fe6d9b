"""The commands about declarations: check them offline, and describe their format to an editor."""

from __future__ import annotations

import json
import os
from pathlib import Path

import click

from dovetail.cli.frame import DONE, Frame, command


@command("check", short_help="Validate all declarations, offline.")
def check_command(frame: Frame) -> int:
    """Validate all declarations of the project, offline; every mistake is shown with file, line, column and remedy."""
    from dovetail.steps.check import check

    checked = check(frame.folder, environment=frame.environment, variables=dict(os.environ))
    frame.answer({"command": "check", "ok": True, **checked.document()}, lambda: click.echo(checked.words()))
    return DONE


@command("schema", short_help="JSON Schema of the project's files, for editors.")
@click.option("--out", default=None, metavar="DIR", help="Write the schema files there instead of printing them.")
def schema_command(frame: Frame, out: str | None) -> int:
    """JSON Schema (draft 2020-12) of dovetail.yaml and of mapping files, with descriptions."""
    from dovetail.project.schema import schema

    schemas = schema()
    if out is None:
        click.echo(json.dumps(schemas, indent=2, ensure_ascii=False))
        return DONE
    folder = Path(out)
    folder.mkdir(parents=True, exist_ok=True)
    for name, document in schemas.items():
        (folder / f"{name}.schema.json").write_text(
            json.dumps(document, indent=2, ensure_ascii=False) + "\n", encoding="utf-8"
        )
    frame.answer(
        {"command": "schema", "ok": True, "written": sorted(schemas)}, lambda: click.echo(f"written to {folder}")
    )
    return DONE
