"""The tutorial is run as it is printed."""

import os
import re
import subprocess
import sys
from pathlib import Path

import pytest

PAGE = Path(__file__).resolve().parents[2] / "docs" / "tutorial" / "index.md"
BLOCK = re.compile(r"^```(\w+)(?: file=(\S+))?\n(.*?)^```$", re.MULTILINE | re.DOTALL)
LAUNCHER = "#!/bin/sh\nexec {python} -c 'import sys; from dovetail.cli.main import main; sys.exit(main())' \"$@\"\n"


@pytest.fixture
def environment(tmp_path):
    """`dovetail` and `python` on the path, from the tree under test."""
    commands = tmp_path / "bin"
    commands.mkdir()
    for name, text in (("dovetail", LAUNCHER), ("python", '#!/bin/sh\nexec {python} "$@"\n')):
        (commands / name).write_text(text.format(python=sys.executable))
        (commands / name).chmod(0o755)
    known = os.pathsep.join(part for part in sys.path if part)
    return os.environ | {"PATH": f"{commands}{os.pathsep}{os.environ['PATH']}", "PYTHONPATH": known}


def test_every_command_of_the_tutorial_ends_as_the_page_says(tmp_path, environment):
    folder = tmp_path / "empty"
    folder.mkdir()
    for language, file, text in BLOCK.findall(PAGE.read_text()):
        if file:
            (folder / file).parent.mkdir(exist_ok=True)
            (folder / file).write_text(text)
        elif language == "sh":
            for line in text.splitlines():
                command, _, promise = line.partition("# exit ")
                done = subprocess.run(
                    ["sh", "-c", command], cwd=folder, env=environment, capture_output=True, text=True
                )
                assert done.returncode == int(promise or 0), f"{line}\n{done.stdout}\n{done.stderr}"
