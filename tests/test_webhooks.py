"""Who asked to be told of a job's end is told, whatever happens, and can trust it."""

from __future__ import annotations

import asyncio
import subprocess
import sys
import threading
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from email.utils import format_datetime
from functools import partial
from pathlib import Path
from typing import Any

import httpx
import pytest
import sqlalchemy as sa
from pydantic import SecretStr
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app import deliveries
from app.addresses import Addresses
from app.database import Database
from app.deliveries import LEASE_SECONDS
from app.hints import DELIVERY
from app.hooks import PAUSES, Hooks, signing_secret
from app.model import Job, Kind, Media, Phase, State
from app.settings import Settings, SettingsError, read
from app.store import Store
from tests.postgres import running_postgres
from tests.service import ORIGIN, Service, assert_problem, environment, free_port
from tests.web import Answer, Heard, Page, WebServer

SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
A_DAY = 86_400


@pytest.fixture(scope="module")
def web() -> Iterator[WebServer]:
    with WebServer() as running:
        yield running


class Clock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.seconds = time.time() + 60  # whatever is due in real time is due

    def __call__(self) -> float:
        return self.seconds


@dataclass(frozen=True, slots=True)
class Office:
    """One process that records jobs and sends webhooks."""

    folder: Path
    database: Database
    store: Store
    clock: Clock
    hooks: Hooks

    async def add(self, job_id: str, url: str | None) -> None:
        face = Media(self.folder / "face", Kind.IMAGE, "jpeg", 1000, "0" * 64)
        audio = Media(self.folder / "audio", Kind.AUDIO, "wav", 1000, "1" * 64, duration=1.0)
        await self.store.add(
            Job(
                id=job_id,
                provider="local",
                state=State.QUEUED,
                phase=Phase.RECEIVED,
                created_at=datetime.now(UTC),
                base_url="http://localhost:8000",
                face=face,
                audio=audio,
                options={},
                callback_url=url,
            )
        )

    async def end(self, job_id: str, state: State = State.SUCCESS) -> None:
        assert await self.store.save(job_id, state=state, finished_at=datetime.now(UTC))

    async def pass_time(self, seconds: float) -> None:
        """Let time pass, and the process look at the clock."""
        self.clock.seconds += seconds
        self.store.hints.tell(DELIVERY, "")

    async def due_in(self) -> float | None:
        """Seconds until the next attempt; None when there is none to come."""
        async with self.database.engine.connect() as connection:
            due_at = await deliveries.next_due(connection)
        return None if due_at is None else due_at - self.clock.seconds

    async def settled(self) -> float | None:
        """The same, once no attempt is due or under way."""

        async def at_rest() -> bool:
            async with self.database.engine.connect() as connection:
                states = await connection.execute(sa.text("SELECT outcome, due_at FROM deliveries"))
            return all(row.due_at is None or row.outcome for row in states)

        await until(at_rest)
        return await self.due_in()


async def until(condition: Callable[[], Awaitable[bool]]) -> None:
    async with asyncio.timeout(10):
        while not await condition():  # noqa: ASYNC110  (what is waited for stands in a database)
            await asyncio.sleep(0.01)


@asynccontextmanager
async def opened(
    folder: Path, *, url: str | None = None, allow_private: bool = True
) -> AsyncIterator[Office]:
    """An office over a database that outlives it; it does not send anything yet."""
    database = Database(url or f"sqlite+aiosqlite:///{folder / 'jobs.sqlite'}")
    clock = Clock()
    store = Store(database, root=folder)
    await database.open()
    async with httpx.AsyncClient(trust_env=False) as client:
        addresses = Addresses(client, allow_private=allow_private)
        hooks = Hooks(
            database,
            store,
            addresses,
            lambda job: {"job_id": job.id, "status": job.state},
            now=clock,
        )
        yield Office(folder, database, store, clock, hooks)
    await database.close()


@asynccontextmanager
async def sending(office: Office) -> AsyncIterator[Office]:
    await office.hooks.start(SECRET)
    try:
        yield office
    finally:
        await office.hooks.stop()


@pytest.fixture
async def office(tmp_path: Path) -> AsyncIterator[Office]:
    async with opened(tmp_path) as office, sending(office):
        yield office


async def heard(web: WebServer, path: str, times: int) -> list[Heard]:
    return await asyncio.to_thread(web.heard_of, path, times)


def answering(*pages: Page) -> Answer:
    """One answer after the other, the last one for ever."""
    left = list(pages)
    return lambda _: left.pop(0) if len(left) > 1 else left[0]


@pytest.mark.parametrize(
    ("state", "kind"),
    [
        (State.SUCCESS, "lipsync.succeeded"),
        (State.FAILED, "lipsync.failed"),
        (State.CANCELED, "lipsync.canceled"),
    ],
)
async def test_every_end_is_told_under_a_signature(
    office: Office, web: WebServer, state: State, kind: str
) -> None:
    web.pages[f"/{kind}"] = Page(status=204)
    await office.add("lsj_1", f"{web.url}/{kind}")
    await office.end("lsj_1", state)
    (request,) = await heard(web, f"/{kind}", 1)
    message = Webhook(SECRET).verify(request.body, request.headers)
    assert message["type"] == kind
    assert message["data"] == {"job_id": "lsj_1", "status": state}
    assert datetime.fromisoformat(message["timestamp"]).tzinfo is not None
    assert request.headers["content-type"] == "application/json"
    assert await office.settled() is None
    with pytest.raises(WebhookVerificationError):
        Webhook(SECRET).verify(request.body.replace(b"lsj_1", b"lsj_2"), request.headers)


async def test_who_asked_for_nothing_is_told_nothing(office: Office) -> None:
    await office.add("lsj_1", None)
    await office.end("lsj_1")
    assert await office.due_in() is None


async def test_what_fails_is_tried_for_a_day_and_then_no_more(
    office: Office, web: WebServer
) -> None:
    web.pages["/failing"] = Page(status=500)
    await office.add("lsj_1", f"{web.url}/failing")
    await office.end("lsj_1")
    for attempt, pause in enumerate(PAUSES, start=1):
        await heard(web, "/failing", attempt)
        due_in = await office.settled()
        assert due_in is not None
        assert pause <= due_in <= pause * 1.2
        await office.pass_time(due_in)
    tries = await heard(web, "/failing", len(PAUSES) + 1)
    assert await office.settled() is None
    assert len({request.headers["webhook-id"] for request in tries}) == 1
    assert len({request.headers["webhook-signature"] for request in tries}) == len(tries)
    assert A_DAY <= sum(PAUSES) <= 2 * A_DAY


async def test_once_it_has_arrived_it_is_sent_no_more(office: Office, web: WebServer) -> None:
    web.pages["/late"] = answering(Page(status=500), Page(status=202))
    await office.add("lsj_1", f"{web.url}/late")
    await office.end("lsj_1")
    await heard(web, "/late", 1)
    due_in = await office.settled()
    assert due_in is not None
    await office.pass_time(due_in)
    await heard(web, "/late", 2)
    assert await office.settled() is None


async def test_who_is_gone_is_left_alone(office: Office, web: WebServer) -> None:
    web.pages["/gone"] = Page(status=410)
    await office.add("lsj_1", f"{web.url}/gone")
    await office.end("lsj_1")
    await heard(web, "/gone", 1)
    assert await office.settled() is None


@pytest.mark.parametrize("status", [429, 503])
@pytest.mark.parametrize(
    ("retry_after", "least", "most"),
    [
        ("3600", 3600, 3600),
        ("1", 5, 6),
        ("1000000", A_DAY, A_DAY),
        ("soon", 5, 6),
        ("-5", 5, 6),
        (format_datetime(datetime.fromtimestamp(time.time() + 7200, UTC), usegmt=True), 5400, 7200),
    ],
    ids=["an hour", "a second", "years", "a word", "the past", "a date"],
)
async def test_who_asks_for_time_gets_it(
    office: Office, web: WebServer, status: int, retry_after: str, least: float, most: float
) -> None:
    path = f"/busy-{status}"
    web.pages[path] = Page(status=status, headers={"Retry-After": retry_after})
    before = len(web.of(path))
    await office.add("lsj_1", web.url + path)
    await office.end("lsj_1")
    await heard(web, path, before + 1)
    due_in = await office.settled()
    assert due_in is not None
    assert least <= due_in <= most


async def test_nobody_is_led_elsewhere(office: Office, web: WebServer) -> None:
    web.pages["/moved"] = Page(status=307, headers={"Location": "/elsewhere"})
    await office.add("lsj_1", f"{web.url}/moved")
    await office.end("lsj_1")
    await heard(web, "/moved", 1)
    assert (await office.settled() or 0) >= PAUSES[0]
    assert web.of("/elsewhere") == []


async def test_who_hangs_does_not_hold_up_the_others(office: Office, web: WebServer) -> None:
    release = threading.Event()

    def hang(_: Heard) -> Page:
        release.wait(20)
        return Page()

    web.pages["/hanging"], web.pages["/prompt"] = hang, Page()
    for number in range(3):
        await office.add(f"lsj_{number}", f"{web.url}/hanging")
        await office.end(f"lsj_{number}")
    await heard(web, "/hanging", 3)
    await office.add("lsj_9", f"{web.url}/prompt")
    await office.end("lsj_9")
    await heard(web, "/prompt", 1)
    release.set()


async def test_a_crash_between_the_end_and_the_webhook_loses_nothing(
    tmp_path: Path, web: WebServer
) -> None:
    web.pages["/crashed"] = Page()
    async with opened(tmp_path) as dying:
        await dying.add("lsj_1", f"{web.url}/crashed")
        await dying.end("lsj_1")
    assert web.of("/crashed") == []
    async with opened(tmp_path) as next_one, sending(next_one):
        await heard(web, "/crashed", 1)
        assert await next_one.settled() is None


async def test_a_crash_in_the_middle_of_a_webhook_sends_it_again(
    tmp_path: Path, web: WebServer
) -> None:
    web.pages["/cut"] = Page()
    async with opened(tmp_path) as dying:
        await dying.add("lsj_1", f"{web.url}/cut")
        await dying.end("lsj_1")
        async with dying.database.engine.begin() as connection:
            assert await deliveries.claim(connection, now=dying.clock())
    async with opened(tmp_path) as next_one, sending(next_one):
        # For as long as the dead one's turn lasts nobody else tries.
        assert 0 < (await next_one.due_in() or 0) <= LEASE_SECONDS
        assert web.of("/cut") == []
        await next_one.pass_time(LEASE_SECONDS)
        await heard(web, "/cut", 1)
        assert await next_one.settled() is None


async def test_who_is_being_told_when_the_service_ends_is_told_to_the_end(
    tmp_path: Path, web: WebServer
) -> None:
    release = threading.Event()

    def hang(_: Heard) -> Page:
        release.wait(20)
        return Page()

    web.pages["/last"] = hang
    async with opened(tmp_path) as office:
        async with sending(office):
            await office.add("lsj_1", f"{web.url}/last")
            await office.end("lsj_1")
            await heard(web, "/last", 1)
            asyncio.get_running_loop().call_later(0.1, release.set)
        assert await office.due_in() is None


async def test_of_several_processes_one_tells(tmp_path: Path, web: WebServer) -> None:
    await told_once(web, "/shared", partial(opened, tmp_path))


async def test_of_several_replicas_one_tells(tmp_path: Path, web: WebServer) -> None:
    with running_postgres() as server:
        url = server.database().replace("postgresql", "postgresql+psycopg", 1)
        await told_once(web, "/replicated", partial(opened, tmp_path, url=url))


async def told_once(
    web: WebServer, path: str, office: Callable[[], AbstractAsyncContextManager[Office]]
) -> None:
    """Two processes over one database tell of each job once, under one secret."""
    web.pages[path] = Page()
    async with office() as one, office() as other:
        secrets = (signing_secret(None, one.database), signing_secret(None, other.database))
        assert len(set(await asyncio.gather(*secrets))) == 1
        for number in range(20):
            await one.add(f"lsj_{number}", web.url + path)
            await one.end(f"lsj_{number}")
        async with sending(one), sending(other):
            requests = await heard(web, path, 20)
            assert await one.settled() is None
    assert len({request.headers["webhook-id"] for request in requests}) == 20
    assert len(web.of(path)) == 20


async def test_a_name_that_leads_inside_by_now_is_not_told(tmp_path: Path, web: WebServer) -> None:
    async with opened(tmp_path, allow_private=False) as office, sending(office):
        await office.add("lsj_1", f"{web.url}/inside")
        await office.end("lsj_1")
        assert (await office.settled() or 0) >= PAUSES[0]
    assert web.of("/inside") == []


async def test_of_a_deleted_job_nobody_is_told(tmp_path: Path) -> None:
    async with opened(tmp_path) as office:
        await office.add("lsj_1", "https://files.example/")
        await office.end("lsj_1")
        assert await office.store.remove("lsj_1")
        assert await office.due_in() is None


async def test_a_replay_begins_anew(office: Office, web: WebServer) -> None:
    web.pages["/again"] = answering(Page(status=410), Page(status=500))
    await office.add("lsj_1", f"{web.url}/again")
    await office.end("lsj_1")
    await heard(web, "/again", 1)
    assert await office.settled() is None
    await office.hooks.replay("lsj_1")
    first, second = await heard(web, "/again", 2)
    assert first.headers["webhook-id"] == second.headers["webhook-id"]
    assert PAUSES[0] <= (await office.settled() or 0) <= PAUSES[0] * 1.2


async def test_replicas_agree_on_a_secret_that_nobody_chose(tmp_path: Path) -> None:
    async with opened(tmp_path) as one, opened(tmp_path) as other:
        first, second = await asyncio.gather(
            signing_secret(None, one.database), signing_secret(None, other.database)
        )
        assert first == second == await signing_secret(None, one.database)
        Webhook(first)
        assert await signing_secret(SecretStr(SECRET), one.database) == SECRET


@pytest.mark.parametrize("secret", ["hello", "whsec_", "whsec_aGVsbG8=", f"{SECRET}!"])
def test_a_secret_that_is_none_stops_the_start(
    monkeypatch: pytest.MonkeyPatch, secret: str
) -> None:
    monkeypatch.setenv("WEBHOOK_SECRET", secret)
    with pytest.raises(SettingsError, match=r"^WEBHOOK_SECRET: .*24 to 64 random bytes") as caught:
        read(Settings)
    assert secret == "whsec_" or secret not in str(caught.value)


@pytest.fixture(scope="module")
def lan(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    """A service that may tell receivers on loopback."""
    with Service(tmp_path_factory.mktemp("lan"), ALLOW_PRIVATE_URLS="true") as running:
        yield running


def command(service: Service) -> str:
    """What `python -m app webhook-secret` prints."""
    run = subprocess.run(
        [sys.executable, "-m", "app", "webhook-secret"],
        env=environment(DATA_DIR=str(service.folder / "data")),
        capture_output=True,
        text=True,
        check=True,
    )
    return run.stdout.strip()


def test_the_webhook_holds_the_job_resource(
    lan: Service, web: WebServer, photo: Path, speech: Path
) -> None:
    path = "/done?token=a-secret"
    web.pages[path] = Page()
    answer = lan.order(photo, speech, callback_url=f"{web.url}{path}")
    assert answer.status_code == 200, answer.text
    (request,) = web.heard_of(path, 1)
    message = Webhook(command(lan)).verify(request.body, request.headers)
    assert message["type"] == "lipsync.succeeded"
    job_id = answer.json()["job_id"]
    assert message["data"] == lan.client.get(f"/lipsync/{job_id}").json()
    again = lan.client.post(f"/lipsync/{job_id}/webhook/replay")
    assert again.status_code == 202
    assert again.json()["job_id"] == job_id
    _, second = web.heard_of(path, 2)
    assert second.headers["webhook-id"] == request.headers["webhook-id"]
    assert "a-secret" not in lan.log.read_text()


def test_a_webhook_outlives_the_service(tmp_path: Path, scenery: Path, speech: Path) -> None:
    port = free_port()
    with Service(tmp_path, ALLOW_PRIVATE_URLS="true", WEBHOOK_SECRET=SECRET) as mortal:
        url = f"http://127.0.0.1:{port}/hook"
        problem = mortal.order(scenery, speech, callback_url=url).json()
        assert problem["code"] == "no_face"
        mortal.kill()
        with WebServer(port) as late:
            late.pages["/hook"] = Page()
            mortal.start()
            (request,) = late.heard_of("/hook", 1, within=LEASE_SECONDS + 15)
    message = Webhook(SECRET).verify(request.body, request.headers)
    assert message["type"] == "lipsync.failed"
    assert message["data"]["job_id"] == problem["job_id"]
    assert message["data"]["error"]["code"] == "no_face"


@pytest.mark.parametrize(
    ("url", "code", "sentence"),
    [
        ("http://127.0.0.1/hook", "blocked_url", "The address is in a private network."),
        ("http://[::ffff:169.254.169.254]/", "blocked_url", "The address is in a private network."),
        ("ftp://files.example/", "blocked_url", "Only http and https addresses may be used."),
        ("hook", "blocked_url", "Only http and https addresses may be used."),
        ("https://nobody.invalid/", "invalid_request", "The address cannot be reached."),
        (f"https://a.example/{'a' * 2048}", "invalid_request", "String should have at most 2048"),
    ],
)
def test_a_callback_that_cannot_be_is_told_at_once(
    service: Service, photo: Path, speech: Path, url: str, code: str, sentence: str
) -> None:
    problem = assert_problem(service.order(photo, speech, callback_url=url), 422, code)
    assert problem["detail"].startswith(f"callback_url: {sentence}")
    assert "job_id" not in problem


def test_what_cannot_be_sent_again(
    lan: Service, web: WebServer, photo: Path, scenery: Path, speech: Path, long_speech: Path
) -> None:
    def replayed(job_id: str) -> Any:
        return lan.client.post(f"/lipsync/{job_id}/webhook/replay", headers=ORIGIN)

    assert_problem(replayed("lsj_0"), 404, "not_found")
    job = lan.order(photo, long_speech, callback_url=f"{web.url}/x", wait="0").json()
    problem = assert_problem(replayed(job["job_id"]), 409, "still_running")
    assert problem["detail"] == "The job is still under way: its webhook is sent at its end."
    silent = lan.order(scenery, speech).json()["job_id"]
    problem = assert_problem(replayed(silent), 422, "invalid_request")
    assert problem["detail"] == "The job has no callback_url."
