"""Puts the service together: settings, store, engine, providers and routes; nothing else."""

from __future__ import annotations

import asyncio
import fcntl
import socket
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AsyncExitStack, asynccontextmanager, contextmanager
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from uuid import uuid4

import httpx
from fastapi import FastAPI
from limits.aio.storage import MemoryStorage
from starlette.middleware.cors import CORSMiddleware
from starlette.types import ASGIApp

from app.addresses import Addresses, public
from app.api import docs, measure, problems, service, speech, studio, webhooks
from app.api import providers as provider_routes
from app.api.access import Door, Links
from app.api.assets import PackedLists
from app.api.events import EventRoutes
from app.api.files import FileRoutes
from app.api.jobs import JobRoutes
from app.api.lipsync import LipsyncRoutes
from app.api.measure import Measure
from app.api.orders import Counter
from app.api.pictures import PictureRoutes
from app.api.reading import Reader
from app.archive import Archive
from app.arrivals import Arrivals
from app.attendance import Attendance
from app.copies import Copies
from app.database import Database
from app.errors import OperatorError, ProviderNotConfigured
from app.following import Following
from app.hooks import Hooks, signing_secret
from app.inspections import Inspections
from app.keyring import kept_secret
from app.listening import Listener
from app.media.face import face_models_dir
from app.metrics import Metrics
from app.polling import RealClock, SparingClock
from app.providers import AUTO, HTTP_PROVIDERS, Providers
from app.providers.http import CONNECTIONS
from app.providers.local import Local, LocalConfig
from app.replicas import Replicas
from app.results import Results
from app.retention import Retention
from app.runner import Runner
from app.settings import Settings, SettingsError, read
from app.speech import Speaker
from app.steps import Steps, Tools
from app.storage import Storage, storage_at
from app.store import ONLY, Store
from app.tallies import Tallies
from app.workers import WorkerPool

MOST_CHECKS = 150
"""How often providers are asked each second, all jobs together: one question takes 1 to 2 ms."""
INSPECTIONS = 2
INSPECTION_MEMORY = 3 << 30
"""Bytes of address space; what an inspection really uses is a fraction of it."""
SPEAKERS = 1
"""The synthesiser says a minute of speech in a twentieth of a second."""
SPEAKER_MEMORY = 1 << 30
VENDOR_TIMEOUT = httpx.Timeout(60, connect=10)
VENDOR_LIMITS = httpx.Limits(max_connections=CONNECTIONS * len(HTTP_PROVIDERS))
EXPOSED_HEADERS = (
    "Location",
    "Retry-After",
    "Preference-Applied",
    "Idempotency-Replayed",
    "Content-Disposition",
    "Content-Range",
    "Accept-Ranges",
    "ETag",
)


@dataclass(frozen=True, slots=True)
class Service:
    """The application, its data folder, and the event that has it let waiting callers go."""

    asgi: ASGIApp
    data: Path
    closing: asyncio.Event


class _Rooms:
    """Everything with a life: opened together, closed in the opposite order."""

    def __init__(self, settings: Settings, local: LocalConfig) -> None:
        self.data = _data_folder(settings)
        self.closing = asyncio.Event()
        self.links = Links()
        self.database = Database(_database_url(settings, self.data))
        own_id = f"{socket.gethostname()}-{uuid4().hex[:8]}" if self.database.shared else ONLY
        self.metrics = Metrics()
        self.store = Store(
            self.database, root=self.data, owner=own_id, ended=self.metrics.job_ended
        )
        jobs = self.data / "jobs"
        self.archive = Archive(jobs, _storage(settings, self.data / "media"))
        self.copies = Copies(self.database)
        self.tallies = Tallies(self.database)
        trust = httpx.create_ssl_context()
        self.vendors = httpx.AsyncClient(verify=trust, timeout=VENDOR_TIMEOUT, limits=VENDOR_LIMITS)
        # Its requests go to addresses that were checked, so no proxy may stand in between; and
        # one caller's slow host must not hold up what others wait for, so there is no queue.
        self.outside = httpx.AsyncClient(
            verify=trust, timeout=VENDOR_TIMEOUT, limits=httpx.Limits(), trust_env=False
        )
        self.addresses = Addresses(self.outside, allow_private=settings.allow_private_urls)
        # An address without a signature is shorter, and as good where nobody needs a key.
        sign = self.links.sign if settings.api_keys else str
        self.reader = Reader(self.store, self.closing, sign)
        self.webhook_secret = settings.webhook_secret
        self.hooks = Hooks(
            self.database,
            self.store,
            self.addresses,
            self.reader.told,
            tried=self.metrics.webhook_tried,
        )
        models = _face_models(local)
        self.inspections = Inspections(
            WorkerPool(INSPECTIONS, memory=INSPECTION_MEMORY, keep=True), models=models
        )
        self.speaker = Speaker(
            WorkerPool(SPEAKERS, memory=SPEAKER_MEMORY, keep=True),
            max_seconds=settings.max_media_seconds,
        )
        self.local = Local(
            local, models=models, jobs=jobs, job_seconds=settings.job_timeout_seconds
        )
        self.providers = _providers(settings, self.local, self.vendors)
        clock = SparingClock(RealClock(), a_second=MOST_CHECKS)
        self.results = Results(
            self.store,
            self.archive,
            self.copies,
            self.providers,
            self.inspections,
            self.addresses,
            clock,
        )
        tools = Tools(
            self.store,
            self.archive,
            self.providers,
            self.inspections,
            self.results,
            self.local.animate,
            _link(settings, self.links),
            _outside(settings),
        )
        following = Following(
            self.store,
            self.tallies,
            self.archive,
            self.providers,
            clock,
            job_seconds=settings.job_timeout_seconds,
        )
        steps = Steps(tools, failover=settings.provider_failover)
        self.runner = Runner(steps, following, self.store, self.database)
        self.replicas = Replicas(self.database, own_id)
        lasts = timedelta(hours=settings.retention_hours)
        self.retention = Retention(self.store, self.archive, self.runner.forget, lasts)

    @asynccontextmanager
    async def lifespan(self, _app: FastAPI) -> AsyncIterator[None]:
        async with AsyncExitStack() as closing:
            closing.push_async_callback(self.vendors.aclose)
            closing.push_async_callback(self.outside.aclose)
            await self.database.open()
            closing.push_async_callback(self.database.close)
            self.links.use(await kept_secret(self.database, "links"))
            await self.archive.sweep(await self.store.unfinished())
            closing.push_async_callback(self.inspections.close)
            closing.push_async_callback(self.speaker.close)
            closing.push_async_callback(self.local.close)
            await self.hooks.start(await signing_secret(self.webhook_secret, self.database))
            closing.push_async_callback(self.hooks.stop)
            closing.push_async_callback(self.runner.stop)
            await self.runner.start(self.data / "workflows.db")
            for chore in (self.results.make_late_copies(), self.retention.run()):
                closing.push_async_callback(_end, asyncio.create_task(chore))
            async with self._attending():
                yield

    @asynccontextmanager
    async def _attending(self) -> AsyncIterator[None]:
        """Take up what was left; among other replicas, also what they leave."""
        listener = Listener(self.database, self.store.hints)
        attendance = Attendance(self.replicas, self.store, self.runner)
        if self.database.shared:
            listener.start()
            await attendance.start()
        else:
            await self.runner.take_up(await self.store.adopt())
        try:
            yield
        finally:
            await self.runner.park()
            if self.database.shared:
                await attendance.stop()
                await listener.stop()


def build(settings: Settings, local: LocalConfig) -> Service:
    """The whole service. Raises SettingsError for a setting that cannot work."""
    rooms = _Rooms(settings, local)
    app = FastAPI(
        title="Lipsync Gateway",
        description=docs.DESCRIPTION,
        version="0.1.0",
        docs_url=None,
        redoc_url=None,
        # Behind a proxy it would lead elsewhere, and send a key there without encryption.
        redirect_slashes=False,
        openapi_tags=docs.TAGS,
        lifespan=rooms.lifespan,
    )
    counter = Counter(
        settings,
        rooms.store,
        rooms.archive,
        rooms.providers,
        rooms.inspections,
        rooms.speaker,
        rooms.addresses,
    )
    hold = settings.lipsync_timeout_seconds
    reader = rooms.reader
    app.include_router(LipsyncRoutes(counter, reader, rooms.runner, hold).router())
    app.include_router(JobRoutes(rooms.store, rooms.archive, rooms.runner, reader).router())
    app.include_router(EventRoutes(reader).router())
    app.include_router(webhooks.routes(rooms.hooks, reader))
    app.include_router(webhooks.vendor_routes(rooms.providers, rooms.store))
    app.include_router(FileRoutes(reader, rooms.archive, rooms.links).router())
    app.include_router(PictureRoutes(reader, rooms.archive, rooms.inspections).router())
    app.include_router(provider_routes.routes(rooms.providers))
    app.include_router(speech.routes(rooms.speaker, rooms.providers))
    checks = {"store": rooms.store.check, "storage": rooms.archive.check}
    app.include_router(service.routes(checks))
    app.include_router(measure.routes(rooms.metrics, rooms.tallies))
    app.include_router(studio.routes())
    docs.install(app, keys=bool(settings.api_keys))
    problems.install(app)
    door = Door(
        app,
        keys=settings.api_keys,
        links=rooms.links,
        limit=settings.rate_limit,
        counted=Arrivals(rooms.database) if rooms.database.shared else MemoryStorage(),
    )
    measured = Measure(_open_to_pages(PackedLists(door), settings), rooms.metrics)
    return Service(measured, rooms.data, rooms.closing)


async def webhook_secret(settings: Settings) -> str:
    """What signs the webhooks, as their receivers need it."""
    database = Database(_database_url(settings, _data_folder(settings)))
    try:
        await database.open()
        return await signing_secret(settings.webhook_secret, database)
    finally:
        await database.close()


def _open_to_pages(app: ASGIApp, settings: Settings) -> ASGIApp:
    """CORS around everything: inside, it would miss the errors that users most need to read."""
    return CORSMiddleware(
        app,
        allow_origins=settings.cors_allow_origins,
        allow_methods=["*"],
        allow_headers=["*"],
        expose_headers=EXPOSED_HEADERS,
    )


def _data_folder(settings: Settings) -> Path:
    folder = settings.data_dir.resolve()
    try:
        (folder / "jobs").mkdir(parents=True, exist_ok=True)
    except OSError as problem:
        raise SettingsError(f"DATA_DIR: {problem.strerror}: {folder}.") from None
    return folder


def _database_url(settings: Settings, data: Path) -> str:
    if settings.database_url is None:
        return f"sqlite+aiosqlite:///{data / 'jobs.db'}"
    scheme, _, place = settings.database_url.partition("://")
    if scheme not in ("postgres", "postgresql") or not place:
        raise SettingsError("DATABASE_URL: this must be like postgresql://user:password@host/name.")
    return f"postgresql+psycopg://{place}"


def _storage(settings: Settings, default: Path) -> Storage:
    try:
        return storage_at(settings.storage_url, default)
    except ValueError as problem:
        raise SettingsError(f"STORAGE_URL: {problem}.") from None


async def _end(task: asyncio.Task[None]) -> None:
    task.cancel()
    await asyncio.wait((task,))


def _face_models(local: LocalConfig) -> Path:
    try:
        return face_models_dir(local.face_models_dir)
    except OperatorError as problem:
        raise SettingsError(f"FACE_MODELS_DIR: {problem.detail}") from None


def _providers(settings: Settings, local: Local, http: httpx.AsyncClient) -> Providers:
    hosted = [kind(read(kind.config), http, RealClock()) for kind in HTTP_PROVIDERS]
    every = [*hosted, local]
    names = [provider.name for provider in every]
    known = ", ".join(names)
    if settings.default_provider not in (*names, AUTO):
        raise SettingsError(f"DEFAULT_PROVIDER: this must be {AUTO} or one of {known}.")
    order = settings.provider_order or [provider.name for provider in hosted]
    if unknown := set(order) - set(names):
        raise SettingsError(
            f"PROVIDER_ORDER: there is no {', '.join(sorted(unknown))}. Known: {known}."
        )
    providers = Providers(every, default=settings.default_provider, order=order)
    try:
        providers.choose(None)
    except ProviderNotConfigured as problem:
        raise SettingsError(f"DEFAULT_PROVIDER: {problem.detail}.") from None
    return providers


def _outside(settings: Settings) -> str | None:
    """The address by which vendors reach this service, if they can."""
    base = settings.public_base_url
    if base is None or base.host is None or not _reachable(base.host):
        return None
    return str(base).rstrip("/")


def _link(settings: Settings, links: Links) -> Callable[[str], str] | None:
    """What makes a path an address for vendors to fetch from."""
    root = _outside(settings)
    return (lambda path: root + links.sign(path)) if root else None


def _reachable(host: str) -> bool:
    try:
        return public(host.strip("[]"))
    except ValueError:
        return "." in host and not host.endswith((".local", ".internal", ".localhost"))


@contextmanager
def sole_process(data: Path) -> Iterator[None]:
    """Hold the folder: two processes on one SQLite file would carry out each other's jobs.

    Raises SettingsError while another one holds it.
    """
    with (data / "lock").open("w") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise SettingsError(
                f"DATA_DIR: another process of this service already uses {data};"
                " give this one a folder of its own."
            ) from None
        yield
