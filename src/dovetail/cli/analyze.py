"""The command that measures the systems."""

from __future__ import annotations

from pathlib import Path

import click

from dovetail.cli.frame import DONE, Frame, command


@command("analyze", short_help="Measure the systems: catalogs, profiles, keys, dependency map.")
@click.option("--system", "systems", multiple=True, metavar="NAME", help="Only this system; may be given again.")
@click.option("--html", default=None, metavar="FILE", help="Where the report is written (default: analysis.html).")
@click.option(
    "--sample",
    "sample_rows",
    type=click.IntRange(min=1),
    default=None,
    metavar="ROWS",
    help="Look at so many rows of large datasets.",
)
def analyze_command(frame: Frame, systems: tuple[str, ...], html: str | None, sample_rows: int | None) -> int:
    """Measure the systems of the project: what they hold, how full and how distinct it is, what refers to what. Reads
    only."""
    from dovetail.cli import show
    from dovetail.cli.progress import shown
    from dovetail.evidence import report
    from dovetail.steps.analyze import analyze
    from dovetail.steps.measure import SAMPLE_ROWS

    with frame.workspace() as workspace, shown(quiet=frame.as_json) as progress:
        analysis = analyze(workspace, systems=systems, sample_rows=sample_rows or SAMPLE_ROWS, progress=progress)
    path = Path(html) if html else frame.folder / "analysis.html"
    path.write_text(report.page(analysis), encoding="utf-8")

    def words() -> None:
        console = show.console()
        report.show(analysis, console)
        show.written(path, "the page", console)

    frame.answer({"command": "analyze", "ok": True, "page": str(path), **report.document(analysis)}, words)
    return DONE
