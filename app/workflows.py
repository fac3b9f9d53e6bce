"""The durable engine (DBOS Transact), on SQLite for one process or PostgreSQL for several."""

from __future__ import annotations

import sqlite3
import time
from pathlib import Path

import sqlalchemy as sa
from dbos import DBOS, DBOSConfig, DBOSPortableJSONSerializer

from app.database import CONNECTIONS, Database, keep_safe

STEPS = "4"
"""Changes only when the steps do: a workflow under way goes on only in the version it began in."""
SCHEMA = "workflows"
"""Where the engine's tables are kept on PostgreSQL, beside ours."""


def configure(executor: str, database: Database, file: Path) -> None:
    """Set the engine up: in ``database`` where replicas share it, else in a ``file`` of its own.

    ``executor`` names this process: two of one name would carry out each other's workflows.
    """
    config = DBOSConfig(
        name="lipsync-gateway",
        application_version=STEPS,
        executor_id=executor,
        serializer=DBOSPortableJSONSerializer(),
        max_executor_threads=16,
        log_level="ERROR",
    )
    if database.shared:
        url = database.url.set(drivername="postgresql").render_as_string(hide_password=False)
        config["system_database_url"] = url
        config["dbos_system_schema"] = SCHEMA
        config["sys_db_pool_size"] = CONNECTIONS
    else:
        url = f"sqlite:///{file}"
        config["system_database_url"] = url
        config["system_database_engine"] = _sqlite(url)
    DBOS(config=config)


def _sqlite(url: str) -> sa.Engine:
    """The engine's own database: it outlives the process, and power less than the jobs do."""
    engine = sa.create_engine(url)
    sa.event.listen(engine, "connect", keep_safe)
    sa.event.listen(engine, "connect", _settle_in)
    return engine


def _settle_in(connection: sqlite3.Connection, _record: object) -> None:
    # The engine does this to the connections it makes itself: writers take turns from the start.
    connection.isolation_level = "IMMEDIATE"
    connection.execute("PRAGMA foreign_keys=ON")
    # Should the power take its last words, steps are repeated: the job's row says which must not.
    connection.execute("PRAGMA synchronous=NORMAL")
    # From Python 3.12 on the engine takes for granted what SQLite has since 3.42 only.
    if sqlite3.sqlite_version_info < (3, 42):
        connection.create_function("unixepoch", 1, lambda _subsec: round(time.time(), 3))
