"""The replicas that share the database: who is alive, by the database's own clock."""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy.dialects.postgresql import insert

from app.database import METADATA, Database
from app.hints import REPLICAS

BEAT = 2.0
DEAD = 8.0
"""Seconds between the signs of life of a replica, and after which one without them is dead."""

_replicas = sa.Table(
    "replicas",
    METADATA,
    sa.Column("id", sa.String, primary_key=True),
    sa.Column("seen", sa.Double, nullable=False),  # seconds since 1970 by the database's clock
)
LIVING = sa.select(_replicas.c.id)
"""The ids of the replicas that carry out jobs. One process alone needs no entry."""
_NOW = sa.func.extract("epoch", sa.func.clock_timestamp())


class Replicas:
    """The entry of one replica, ``own_id``, among the others."""

    def __init__(self, database: Database, own_id: str) -> None:
        self._database = database
        self.own_id = own_id
        self._beating: tuple[float, float] | None = None

    async def beat(self) -> None:
        """Give a sign of life."""
        entry = insert(_replicas).values(id=self.own_id, seen=_NOW)
        entry = entry.on_conflict_do_update(index_elements=["id"], set_={"seen": _NOW})
        async with self._database.engine.begin() as connection:
            seen = (await connection.execute(entry.returning(_replicas.c.seen))).scalar_one()
        since, before = self._beating or (seen, seen)
        # After an outage of the database everybody looks dead for a while.
        self._beating = (since if seen - before < DEAD else seen, seen)

    async def bury(self) -> list[str]:
        """Strike the dead off, and say who they were: what they carried out is to be taken up."""
        since, seen = self._beating or (0.0, 0.0)
        if seen - since < DEAD:
            return []
        dead = LIVING.where(_replicas.c.seen < _NOW - DEAD).with_for_update(skip_locked=True)
        struck = sa.delete(_replicas).where(_replicas.c.id.in_(dead)).returning(_replicas.c.id)
        async with self._database.engine.begin() as connection:
            return list((await connection.execute(struck)).scalars())

    async def leave(self) -> None:
        """Go, and have the others take up at once what was carried out here."""
        async with self._database.engine.begin() as connection:
            gone = sa.delete(_replicas).where(_replicas.c.id == self.own_id)
            await connection.execute(gone)
            await self._database.hint(connection, REPLICAS, self.own_id)
