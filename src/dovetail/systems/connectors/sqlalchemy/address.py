"""From a URL to SQLAlchemy's engine; what must be installed for it is named."""

from __future__ import annotations

import re
from collections.abc import Mapping

import sqlalchemy as sa
from sqlalchemy import exc, pool

from dovetail.errors import DeclarationError, MissingDriver

_PACKAGES = {
    "MySQLdb": "mysqlclient",
    "cx_Oracle": "cx-Oracle",
    "mariadb": "mariadb",
    "mysql": "mysql-connector-python",
    "psycopg": "psycopg[binary]",
    "psycopg2": "psycopg2-binary",
}
"""What is to be installed for a module, where it is called otherwise."""

_DIALECTS = {
    "bigquery": "sqlalchemy-bigquery",
    "clickhouse": "clickhouse-sqlalchemy",
    "cockroachdb": "sqlalchemy-cockroachdb",
    "databricks": "databricks-sqlalchemy",
    "db2": "ibm-db-sa",
    "firebird": "sqlalchemy-firebird",
    "hana": "sqlalchemy-hana",
    "redshift": "sqlalchemy-redshift",
    "snowflake": "snowflake-sqlalchemy",
    "teradatasql": "teradatasqlalchemy",
    "trino": "trino[sqlalchemy]",
    "vertica": "sqlalchemy-vertica-python",
}
"""Packages that bring dialects which SQLAlchemy does not have itself."""

_HINT = "write it as SQLAlchemy does: dialect+driver://user:password@host:port/database"
_DIALECT = re.compile(r"dialects:([\w.+-]+)")


def checked(url: str) -> sa.URL:
    """The URL, taken apart; a mistake is told without its text, which may hold a password."""
    try:
        return sa.make_url(url)
    except (exc.ArgumentError, ValueError) as error:
        raise DeclarationError("the URL cannot be read", where="url", hint=_HINT, code="DV-369") from error


def engine(url: str, options: Mapping[str, object]) -> sa.Engine:
    """The engine; no connection is made yet, and none is kept by it."""
    address = checked(url)
    try:
        made = sa.create_engine(address, poolclass=pool.NullPool, connect_args=dict(options), hide_parameters=True)
    except exc.NoSuchModuleError as error:
        found = _DIALECT.search(str(error))
        name = (found[1] if found else address.drivername).partition(".")[0]
        package = _DIALECTS.get(name, f"sqlalchemy-{name}")
        raise MissingDriver(
            f"SQLAlchemy has no dialect {name!r}",
            where="url",
            hint=f"install the package that brings it, such as: pip install {package}",
        ) from error
    except ImportError as error:
        module = (error.name or str(address.get_driver_name())).partition(".")[0]
        raise MissingDriver(
            f"a URL {address.drivername}:// needs {module}, which is not installed",
            where="url",
            hint=f"pip install {_PACKAGES.get(module, module)!r}",
        ) from error
    except (exc.ArgumentError, TypeError, ValueError) as error:
        raise DeclarationError(
            f"SQLAlchemy cannot use the URL: {type(error).__name__}", where="url", hint=_HINT, code="DV-369"
        ) from error
    if made.dialect.is_async:
        hint = "choose a driver that is not asynchronous, such as postgresql+psycopg or mysql+pymysql"
        raise DeclarationError(f"{address.drivername} is asynchronous", where="url", hint=hint, code="DV-369")
    return made
