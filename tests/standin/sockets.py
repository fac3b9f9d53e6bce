"""HTTP over connections that an application can reset."""

from __future__ import annotations

import asyncio
import socket
import struct

from uvicorn.protocols.http.h11_impl import H11Protocol


class Abortable(H11Protocol):
    """HTTP whose connections an application can reset."""

    transports: dict[tuple[str, int], asyncio.Transport] = {}  # noqa: RUF012  (all connections)

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        super().connection_made(transport)
        assert self.client is not None
        self.transports[self.client] = transport

    def connection_lost(self, exc: Exception | None) -> None:
        super().connection_lost(exc)
        assert self.client is not None
        self.transports.pop(self.client, None)

    @classmethod
    def reset(cls, client: tuple[str, int]) -> None:
        transport = cls.transports[client]
        connection = transport.get_extra_info("socket")
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        transport.abort()
