"""Several replicas over one PostgreSQL: what one begins another ends, and nothing is paid twice."""

from __future__ import annotations

import json
import select
import signal
import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests.postgres import Postgres, running_postgres
from tests.service import ORIGIN, Service, assert_problem
from tests.standin import RunningStandIn

VENDOR_SECONDS = 3.0
TAKEN_UP_WITHIN = 60.0
"""Seconds after its death in which another replica has finished what a replica left, and the jobs'
own time; all of it is far less on a machine that has nothing else to do."""


@pytest.fixture(scope="module")
def postgres() -> Iterator[Postgres]:
    with running_postgres() as server:
        yield server


@pytest.fixture(scope="module")
def vendor(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStandIn]:
    with RunningStandIn(tmp_path_factory.mktemp("vendor"), seconds=VENDOR_SECONDS) as running:
        yield running


@dataclass(frozen=True, slots=True)
class Pair:
    """Two replicas, the files to send them, and the platforms that count what was paid."""

    a: Service
    b: Service
    vendor: RunningStandIn
    photo: Path
    speech: Path

    def order(self, service: Service, provider: str = "gooey") -> Any:
        return service.order(self.photo, self.speech, provider=provider, wait="0")

    def begin(self, count: int, *services: Service, provider: str = "gooey") -> list[str]:
        """The ids of jobs that were ordered at the same time, in turns of the services."""
        with ThreadPoolExecutor(8) as threads:
            chosen = [services[number % len(services)] for number in range(count)]
            answers = list(threads.map(lambda service: self.order(service, provider), chosen))
        return [answer.json()["job_id"] for answer in answers]

    def job(self, service: Service, job_id: str) -> dict[str, Any]:
        found: dict[str, Any] = service.client.get(f"/lipsync/{job_id}").json()
        return found

    def submitted(self, job_ids: list[str], least: int) -> None:
        """Wait until so many of the jobs are with the vendor."""
        until(lambda: sum(bool(self.job(self.b, job)["run_id"]) for job in job_ids) >= least)

    def finished(self, job_ids: list[str], within: float) -> list[dict[str, Any]]:
        """The jobs as the second replica tells them, all final."""
        deadline = time.monotonic() + within
        return [self.b.finished(job_id, within=deadline - time.monotonic()) for job_id in job_ids]


@pytest.fixture(scope="module")
def replicas(
    postgres: Postgres,
    vendor: RunningStandIn,
    tmp_path_factory: pytest.TempPathFactory,
    photo: Path,
    speech: Path,
) -> Callable[..., Any]:
    database = postgres.database()
    storage = tmp_path_factory.mktemp("storage")

    @contextmanager
    def running(**settings: str) -> Iterator[Pair]:
        shared = vendor.settings | {"DATABASE_URL": database, "STORAGE_URL": str(storage)}
        one, other = (tmp_path_factory.mktemp(name) for name in "ab")
        with Service(one, **shared, **settings) as a, Service(other, **shared, **settings) as b:
            yield Pair(a, b, vendor, photo, speech)

    return running


def until(condition: Callable[[], Any], *, within: float = 60) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline


def let_pass(seconds: float) -> None:
    select.select([], [], [], seconds)


def orders(vendor: RunningStandIn) -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = vendor.seen()["orders"]
    return found


def test_what_a_killed_replica_left_is_finished_by_another(replicas: Callable[..., Any]) -> None:
    with replicas() as pair:
        before = len(orders(pair.vendor))
        job_ids = pair.begin(40, pair.a)
        pair.submitted(job_ids, 20)
        pair.a.kill()
        jobs = pair.finished(job_ids, TAKEN_UP_WITHIN + VENDOR_SECONDS)
        paid = len(orders(pair.vendor)) - before
        video = pair.b.client.get(jobs[0]["download_url"].replace(pair.a.base_url, ""))
    succeeded = [job for job in jobs if job["status"] == "success"]
    failed = {job["error"]["code"] for job in jobs if job["status"] != "success"}
    # What left in the very moment of the death may be paid for, and is told so.
    assert failed <= {"outcome_unknown"}
    assert len({job["run_id"] for job in succeeded}) == len(succeeded) >= 20
    assert len(succeeded) <= paid <= len(job_ids)
    assert len(video.content) == jobs[0]["file_size"]


def test_a_replica_that_stops_hands_over(replicas: Callable[..., Any]) -> None:
    with replicas() as pair:
        before = len(orders(pair.vendor))
        job_ids = pair.begin(6, pair.a)
        pair.submitted(job_ids, len(job_ids))
        pair.a.stop()
        jobs = pair.finished(job_ids, VENDOR_SECONDS + 20)
        assert [job["status"] for job in jobs] == ["success"] * len(job_ids)
        assert len(orders(pair.vendor)) == before + len(job_ids)


def test_a_replica_that_was_taken_for_dead_changes_nothing(replicas: Callable[..., Any]) -> None:
    with replicas() as pair:
        before = len(orders(pair.vendor))
        job_ids = pair.begin(4, pair.a)
        pair.submitted(job_ids, len(job_ids))
        pair.a.process.send_signal(signal.SIGSTOP)
        jobs = pair.finished(job_ids, TAKEN_UP_WITHIN + VENDOR_SECONDS)
        pair.a.process.send_signal(signal.SIGCONT)
        # It takes part again: a job of its own comes to its end, and the others stay as they were.
        (another,) = pair.begin(1, pair.a)
        assert pair.a.finished(another)["status"] == "success"
        assert [job["status"] for job in jobs] == ["success"] * len(job_ids)
        told = [pair.job(pair.b, job_id) for job_id in job_ids]
        assert [job["finished_at"] for job in told] == [job["finished_at"] for job in jobs]
        assert len(orders(pair.vendor)) == before + len(job_ids) + 1


def test_a_database_that_is_away_for_seconds_loses_nothing(
    replicas: Callable[..., Any], postgres: Postgres
) -> None:
    with replicas() as pair:
        before = len(orders(pair.vendor))
        job_ids = pair.begin(8, pair.a, pair.b)
        pair.submitted(job_ids, 4)
        postgres.stop()
        try:
            answer = pair.order(pair.a)
            assert_problem(answer, 503, "overloaded")
            assert int(answer.headers["Retry-After"]) > 0
            let_pass(VENDOR_SECONDS)
        finally:
            postgres.start()
        jobs = pair.finished(job_ids, TAKEN_UP_WITHIN + VENDOR_SECONDS)
        assert [job["status"] for job in jobs] == ["success"] * len(job_ids)
        assert len(orders(pair.vendor)) == before + len(job_ids)


def test_readers_and_callers_may_ask_any_replica(replicas: Callable[..., Any]) -> None:
    with replicas() as pair:
        (job_id,) = pair.begin(1, pair.a)
        seen: dict[str, dict[int, float]] = {"a": {}, "b": {}}
        threads = [
            threading.Thread(target=_listen, args=(service, job_id, seen[name]))
            for name, service in (("a", pair.a), ("b", pair.b))
        ]
        for thread in threads:
            thread.start()
        (unwanted,) = pair.begin(1, pair.a)
        pair.submitted([unwanted], 1)
        assert pair.b.client.post(f"/lipsync/{unwanted}/cancel").status_code in (200, 202)
        assert pair.a.finished(unwanted)["status"] == "canceled"
        for thread in threads:
            thread.join(timeout=60)
        assert max(seen["a"]) == max(seen["b"])
        both = set(seen["a"]) & set(seen["b"])
        assert len(both) >= 3
        assert max(seen["b"][number] - seen["a"][number] for number in both) < 1


def test_a_name_that_the_database_cannot_hold_is_nobodys(
    postgres: Postgres, tmp_path: Path
) -> None:
    with Service(tmp_path, DATABASE_URL=postgres.database()) as shared:
        for path in ("lsj_%00", "lsj_%00/video", "lsj_%00/events"):
            assert_problem(shared.client.get(f"/lipsync/{path}", headers=ORIGIN), 404, "not_found")
        assert shared.client.get("/lipsync?provider=%00").json()["jobs"] == []


def _listen(service: Service, job_id: str, seen: dict[int, float]) -> None:
    """Note when each change of a job arrives."""
    with service.client.stream("GET", f"/lipsync/{job_id}/events") as answer:
        for line in answer.iter_lines():
            if line.startswith("id:"):
                seen[int(line.removeprefix("id:"))] = time.monotonic()
            elif line.startswith("data:"):
                assert json.loads(line.removeprefix("data:"))["job_id"] == job_id


def test_limits_hold_for_all_replicas_together(replicas: Callable[..., Any]) -> None:
    limits = {
        "WORKER_CONCURRENCY": "12",
        "GOOEY_CONCURRENCY": "3",
        "MAGIC_HOUR_RATE_LIMIT": "3/4 seconds",
    }
    with replicas(**limits) as pair:
        earlier = {order["job_id"] for order in orders(pair.vendor)}
        with ThreadPoolExecutor(16) as threads:
            turns = [(pair.a, "gooey"), (pair.b, "magic_hour")] * 5 + [(pair.a, "gooey")] * 6
            answers = list(threads.map(lambda turn: pair.order(*turn), turns))
        taken = [answer.json()["job_id"] for answer in answers if answer.status_code == 202]
        assert len(taken) == 12
        for refused in [answer for answer in answers if answer.status_code != 202]:
            assert_problem(refused, 503, "overloaded")
        jobs = pair.finished(taken, 120)
        assert [job["status"] for job in jobs] == ["success"] * 12
        sent: dict[str, list[float]] = {"gooey": [], "magic_hour": []}
        for order in orders(pair.vendor):
            if order["job_id"] not in earlier:
                sent[order["provider"]].append(order["accepted_at"])
    gooey, magic_hour = sorted(sent["gooey"]), sorted(sent["magic_hour"])
    for number, moment in enumerate(gooey):
        assert sum(moment - VENDOR_SECONDS < other <= moment for other in gooey[: number + 1]) <= 3
    # A request is under way for a moment after it was counted.
    for first, fourth in zip(magic_hour, magic_hour[3:], strict=False):
        assert fourth - first > 3


def test_the_rate_limit_counts_what_any_replica_is_sent(replicas: Callable[..., Any]) -> None:
    with replicas(RATE_LIMIT="4/minute") as pair:
        services = [pair.a, pair.b] * 4
        statuses = [service.client.post("/lipsync").status_code for service in services]
    assert sorted(statuses) == [422] * 4 + [429] * 4


def test_an_order_sent_to_both_at_once_is_one_job(replicas: Callable[..., Any]) -> None:
    with replicas() as pair:
        before = len(orders(pair.vendor))
        parts = {"image": pair.photo.read_bytes(), "audio": pair.speech.read_bytes()}
        asked = {"provider": "gooey"}
        key = {"Idempotency-Key": "sent-to-both"}

        def send(service: Service) -> Any:
            return service.client.post("/lipsync", files=parts, data=asked, headers=key)

        with ThreadPoolExecutor(16) as threads:
            answers = list(threads.map(send, [pair.a, pair.b] * 8))
        assert len(orders(pair.vendor)) == before + 1
        job_id = answers[0].json()["job_id"]
        assert pair.b.client.delete(f"/lipsync/{job_id}").status_code == 204
        assert pair.a.client.get(f"/lipsync/{job_id}").status_code == 404
    assert [answer.status_code for answer in answers] == [200] * 16
    assert {answer.json()["job_id"] for answer in answers} == {job_id}
    assert sum("idempotency-replayed" in answer.headers for answer in answers) == 15
