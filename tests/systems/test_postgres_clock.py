"""A PostgreSQL server tells its own time."""

from dovetail.engine.workspace import utc_now
from dovetail.systems.connectors.postgres import Connector
from dovetail.systems.protocol import SupportsClock


def test_a_server_tells_the_time_of_its_clock(postgres_url):
    connector = Connector(url=postgres_url)
    try:
        assert isinstance(connector, SupportsClock)
        before, told, after = utc_now(), connector.now(), utc_now()
    finally:
        connector.close()
    assert before <= told <= after
