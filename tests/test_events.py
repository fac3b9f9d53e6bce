"""How a job goes, told as it happens."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service import FINAL, ORIGIN, Service, assert_problem


@pytest.fixture(scope="module")
def job(service: Service, photo: Path, speech: Path) -> dict[str, Any]:
    """A finished job."""
    body: dict[str, Any] = service.order(photo, speech).json()
    return body


def events(stream: httpx.Response) -> Iterator[tuple[int, dict[str, Any]]]:
    """The id of each event, and what it tells."""
    event: dict[str, str] = {}
    for line in stream.iter_lines():
        name, _, value = line.partition(": ")
        if line:
            event[name] = value
        elif event:
            assert event.pop("event") == "job"
            yield int(event["id"]), json.loads(event["data"])
            event = {}


def last_seen(service: Service, job: dict[str, Any]) -> int:
    with service.client.stream("GET", f"/lipsync/{job['job_id']}/events") as stream:
        ((event_id, _),) = events(stream)
    return event_id


def test_a_job_is_told_from_its_beginning_to_its_end(
    service: Service, photo: Path, speech: Path
) -> None:
    job = service.order(photo, speech, wait="0").json()
    with service.client.stream("GET", f"/lipsync/{job['job_id']}/events", headers=ORIGIN) as stream:
        assert stream.headers["content-type"].startswith("text/event-stream")
        assert stream.headers["access-control-allow-origin"] == "*"
        assert "no-store" in stream.headers["cache-control"]
        assert stream.headers["x-accel-buffering"] == "no"
        seen = list(events(stream))
    ids = [event_id for event_id, _ in seen]
    assert ids == sorted(set(ids))
    told = [state for _, state in seen]
    assert [state["job_id"] for state in told] == [job["job_id"]] * len(told)
    assert [state["status"] for state in told if state["status"] in FINAL] == ["success"]
    assert "rendering" in [state["phase"] for state in told]
    assert told[-1] == service.client.get(f"/lipsync/{job['job_id']}").json()


def test_two_can_listen_to_the_same_job(service: Service, photo: Path, speech: Path) -> None:
    path = f"/lipsync/{service.order(photo, speech, wait='0').json()['job_id']}/events"
    with service.client.stream("GET", path) as one, service.client.stream("GET", path) as other:
        assert list(events(one))[-1] == list(events(other))[-1]


def test_a_final_job_is_told_once(service: Service, job: dict[str, Any]) -> None:
    with service.client.stream("GET", f"/lipsync/{job['job_id']}/events") as stream:
        ((_, told),) = events(stream)
    assert told == job


def test_who_comes_back_is_told_what_is_new(service: Service, job: dict[str, Any]) -> None:
    earlier = {"Last-Event-ID": str(last_seen(service, job) - 1)}
    path = f"/lipsync/{job['job_id']}/events"
    with service.client.stream("GET", path, headers=earlier) as stream:
        ((_, told),) = events(stream)
    assert told == job


def test_who_comes_back_early_is_told_nothing_twice(
    service: Service, photo: Path, long_speech: Path
) -> None:
    first = service.order(photo, long_speech, wait="0").json()["job_id"]
    service.reached(first, "rendering")
    second = service.order(photo, long_speech, wait="0").json()["job_id"]
    path = f"/lipsync/{second}/events"
    with service.client.stream("GET", path) as stream:
        # Once it stands in line for its turn, nothing happens to it meanwhile.
        event_id = next(heard for heard, job in events(stream) if job["progress"] == 0)
    with service.client.stream("GET", path, headers={"Last-Event-ID": str(event_id)}) as stream:
        told = events(stream)
        for job_id in (second, first):
            assert service.client.post(f"/lipsync/{job_id}/cancel").status_code == 200
        after = list(told)
    assert [heard for heard, _ in after if heard <= event_id] == []
    assert after[-1][1]["status"] == "canceled"


def test_who_has_seen_the_end_is_sent_away_for_good(service: Service, job: dict[str, Any]) -> None:
    headers = {"Last-Event-ID": str(last_seen(service, job)), **ORIGIN}
    answer = service.client.get(f"/lipsync/{job['job_id']}/events", headers=headers)
    assert answer.status_code == 204
    assert answer.content == b""
    assert answer.headers["access-control-allow-origin"] == "*"


def test_there_is_nothing_to_tell_of_no_job(service: Service) -> None:
    answer = service.client.get("/lipsync/lsj_0/events", headers=ORIGIN)
    assert_problem(answer, 404, "not_found")


def test_a_stream_ends_with_the_service_and_goes_on_with_the_next(
    tmp_path: Path, photo: Path, long_speech: Path
) -> None:
    with Service(tmp_path) as service:
        path = f"/lipsync/{service.order(photo, long_speech, wait='0').json()['job_id']}/events"
        with service.client.stream("GET", path) as stream:
            told = events(stream)
            before = [next(told)]
            service.process.terminate()
            before += told
        assert not any(state["status"] in FINAL for _, state in before)
        event_id, _ = before[-1]
        service.process.wait(timeout=20)
        service.start()
        headers = {"Last-Event-ID": str(event_id)}
        with service.client.stream("GET", path, headers=headers) as stream:
            after = list(events(stream))
    assert after[0][0] > event_id
    assert after[-1][1]["status"] == "success"
