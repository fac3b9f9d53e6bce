"""Secrets that are made once, and are the same for every replica from then on."""

from __future__ import annotations

import base64
import os

import sqlalchemy as sa
from sqlalchemy.exc import IntegrityError

from app.database import METADATA, Database

_SECRET_BYTES = 32

_secrets = sa.Table(
    "secrets",
    METADATA,
    sa.Column("name", sa.String, primary_key=True),
    sa.Column("value", sa.String, nullable=False),
)


async def kept_secret(database: Database, name: str) -> bytes:
    """The secret of a name, which is made when it is asked for the first time."""
    query = sa.select(_secrets.c.value).where(_secrets.c.name == name)
    made = base64.b64encode(os.urandom(_SECRET_BYTES)).decode()
    try:
        async with database.engine.begin() as connection:
            if value := await connection.scalar(query):
                return base64.b64decode(value)
            await connection.execute(sa.insert(_secrets).values(name=name, value=made))
    except IntegrityError:
        pass  # another replica was a little faster
    async with database.engine.connect() as connection:
        return base64.b64decode((await connection.execute(query)).scalar_one())
