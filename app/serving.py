"""Runs the service under uvicorn, with log lines of one shape and a clean end."""

from __future__ import annotations

import asyncio
import logging
import resource
import socket
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import FrameType

import structlog
import uvicorn
from structlog.typing import Processor

from app.main import Service, build, sole_process, webhook_secret
from app.providers.local import LocalConfig
from app.settings import Settings, SettingsError, read

GRACE_SECONDS = 10
"""How long requests may take to end after SIGTERM; whoever waits for a video is let go at once."""

OPEN_FILES = 65_536
"""Each held request is one, and many systems begin with 1,024 or 256."""


class _Server(uvicorn.Server):
    def __init__(self, service: Service, config: uvicorn.Config) -> None:
        super().__init__(config)
        self._closing = service.closing

    def handle_exit(self, sig: int, frame: FrameType | None) -> None:
        self._closing.set()
        super().handle_exit(sig, frame)


def serve(host: str, port: int) -> int:
    """Serve until SIGTERM or Ctrl-C. The exit code is 2 for a setting that cannot work."""
    try:
        settings = read(Settings)
        _log(settings)
        _allow_many_connections()
        service = build(settings, read(LocalConfig))
    except SettingsError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    config = uvicorn.Config(
        service.asgi,
        log_config=None,
        timeout_graceful_shutdown=GRACE_SECONDS,
        server_header=False,
    )
    server = _Server(service, config)
    try:
        with (
            sole_process(service.data),
            _listening(host, port) as door,
            suppress(KeyboardInterrupt),
        ):
            server.run(sockets=[door])
    except SettingsError as problem:
        sys.stderr.write(f"{problem}\n")
    return 0 if server.started else 2


def print_webhook_secret() -> int:
    """Print what receivers need to check the webhooks by."""
    try:
        print(asyncio.run(webhook_secret(read(Settings))))
    except SettingsError as problem:
        sys.stderr.write(f"{problem}\n")
        return 2
    return 0


def _allow_many_connections() -> None:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    most = OPEN_FILES if hard == resource.RLIM_INFINITY else min(hard, OPEN_FILES)
    if soft != resource.RLIM_INFINITY and soft < most:
        # macOS may allow fewer than it says.
        with suppress(ValueError, OSError):
            resource.setrlimit(resource.RLIMIT_NOFILE, (most, hard))


@contextmanager
def _listening(host: str, port: int) -> Iterator[socket.socket]:
    """A socket that listens. Raises SettingsError where that cannot be."""
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    # The protocol is named because asyncio sends small answers at once only where it is.
    with socket.socket(family, socket.SOCK_STREAM, socket.IPPROTO_TCP) as door:
        door.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            door.bind((host, port))
        except OSError as problem:
            raise SettingsError(f"--host and --port: {host}:{port}: {problem.strerror}.") from None
        logging.getLogger(__name__).info("Listening on http://%s:%s", *door.getsockname()[:2])
        yield door


def _log(settings: Settings) -> None:
    """One shape for our own lines and everybody else's: text for people, JSON for machines."""
    shared: list[Processor] = [
        structlog.contextvars.merge_contextvars,
        structlog.stdlib.add_log_level,
        structlog.stdlib.add_logger_name,
        structlog.processors.TimeStamper(fmt="iso", utc=True),
    ]
    as_json = settings.log_format == "json"
    renderer: list[Processor] = (
        [structlog.processors.format_exc_info, structlog.processors.JSONRenderer()]
        if as_json
        else [
            structlog.dev.ConsoleRenderer(
                colors=sys.stderr.isatty(), exception_formatter=structlog.dev.plain_traceback
            )
        ]
    )
    handler = logging.StreamHandler()
    handler.setFormatter(
        structlog.stdlib.ProcessorFormatter(
            foreign_pre_chain=shared,
            processors=[structlog.stdlib.ProcessorFormatter.remove_processors_meta, *renderer],
        )
    )
    logging.basicConfig(handlers=[handler], level=settings.log_level, force=True)
    # It would write in a shape of its own, unless somebody listens already.
    logging.getLogger("dbos").addHandler(logging.NullHandler())
    # It would write down every address it asks, and what callers and vendors put into them.
    logging.getLogger("httpx").setLevel(logging.WARNING)
    logging.getLogger("uvicorn.access").addFilter(_without_query)
    structlog.configure(
        processors=[*shared, structlog.stdlib.ProcessorFormatter.wrap_for_formatter],
        logger_factory=structlog.stdlib.LoggerFactory(),
        wrapper_class=structlog.stdlib.BoundLogger,
    )


def _without_query(record: logging.LogRecord) -> bool:
    """Leave the signatures of links, which open videos, out of a line about a request."""
    if isinstance(record.args, tuple):
        record.args = tuple(
            value.partition("?")[0] if isinstance(value, str) else value for value in record.args
        )
    return True
