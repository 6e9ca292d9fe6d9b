"""CSV on a server that is far away keeps every promise of the protocol too."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest
from tests.systems.far_places import SftpServer

from dovetail.systems.connectors.csv import Connector
from dovetail.testing.conformance import Conformance

pytestmark = pytest.mark.slow


class TestCSVbySFTP(Conformance):
    @pytest.fixture
    def system(self, tmp_path: Path, request: pytest.FixtureRequest) -> Iterator[Connector]:
        if "a_hundred_megabytes" in request.node.name:
            pytest.skip("the server of the tests is too slow for that")
        server = SftpServer(tmp_path)
        yield Connector(path=server.address, access=server.access, timeout_s=60)
        server.close()
