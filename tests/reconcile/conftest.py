"""The lab as a fixture."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parent))

from lab import Lab


@pytest.fixture
def lab(tmp_path):
    """Makes a lab in a folder of its own."""
    return lambda systems, mappings, head="": Lab(tmp_path / "project", systems, mappings, head)
