"""Any database by SQLAlchemy: PostgreSQL through the generic connector, planted and read as PostgreSQL is."""

from __future__ import annotations

from tests.fidelity.stands import postgres


class Stand(postgres.Stand):
    """One database of its own on the tests' server."""

    connector = "sqlalchemy"

    def settings(self) -> str:
        return f"{{connector: sqlalchemy, url: '${{secret:{self._alias}}}'}}"

    def secrets(self) -> dict[str, str]:
        return {self._alias: self._url.replace("postgresql://", "postgresql+psycopg://", 1)}
