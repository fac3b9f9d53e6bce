"""What Prometheus is told, after things happened."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client.parser import text_string_to_metric_families

from tests.service import ORIGIN, Service, assert_problem
from tests.standin import RunningStandIn


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStandIn]:
    with RunningStandIn(tmp_path_factory.mktemp("standin"), seconds=0.2) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(standin: RunningStandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    folder = tmp_path_factory.mktemp("gateway")
    with Service(folder, **standin.settings, API_KEYS="a-key") as running:
        running.client.headers["Authorization"] = "Bearer a-key"
        yield running


def figure(service: Service, name: str, **labels: str) -> float:
    """A sample, or 0 where there is none yet."""
    text = service.client.get("/metrics").raise_for_status().text
    samples = [
        sample for family in text_string_to_metric_families(text) for sample in family.samples
    ]
    return sum(
        sample.value
        for sample in samples
        if sample.name == name and labels.items() <= sample.labels.items()
    )


def reaches(service: Service, value: float, name: str, **labels: str) -> bool:
    """Whether a figure comes to be this: a job is counted in the moment after it is final."""
    deadline = time.monotonic() + 10
    while (found := figure(service, name, **labels)) != value and time.monotonic() < deadline:
        pass
    return found == value


def test_a_job_and_its_order_are_counted(gateway: Service, photo: Path, speech: Path) -> None:
    ended = {"provider": "gooey", "state": "success"}
    asked = {"route": "/lipsync", "method": "POST", "status": "200"}
    accepted = {"provider": "gooey", "outcome": "accepted"}
    jobs = figure(gateway, "lipsync_job_duration_seconds_count", **ended)
    requests = figure(gateway, "http_request_duration_seconds_count", **asked)
    submits = figure(gateway, "lipsync_submits_total", **accepted)
    assert gateway.order(photo, speech, provider="gooey").status_code == 200
    assert reaches(gateway, jobs + 1, "lipsync_job_duration_seconds_count", **ended)
    assert reaches(gateway, requests + 1, "http_request_duration_seconds_count", **asked)
    assert reaches(gateway, submits + 1, "lipsync_submits_total", **accepted)


def test_what_was_refused_and_what_was_lost_are_told_apart(
    gateway: Service, standin: RunningStandIn, photo: Path, speech: Path
) -> None:
    accepted = figure(gateway, "lipsync_submits_total", provider="gooey", outcome="accepted")
    standin.fail("gooey", "submit", "403_credits")
    assert_problem(gateway.order(photo, speech, provider="gooey"), 402, "out_of_credits")
    standin.fail("gooey", "submit", "reset_after_acceptance")
    lost = gateway.order(photo, speech, provider="gooey")
    assert_problem(lost, 502, "outcome_unknown", charged="unknown")
    for outcome, count in (("refused", 1), ("unknown", 1), ("accepted", accepted)):
        told = {"provider": "gooey", "outcome": outcome}
        assert reaches(gateway, count, "lipsync_submits_total", **told)
    for code in ("out_of_credits", "outcome_unknown"):
        assert reaches(gateway, 1, "lipsync_job_errors_total", provider="gooey", code=code)


def test_attempts_to_tell_of_the_end_are_counted(
    gateway: Service, standin: RunningStandIn, photo: Path, speech: Path
) -> None:
    nobody = f"{standin.base_url}/nobody"
    told = gateway.order(photo, speech, provider="gooey", callback_url=nobody)
    assert told.status_code == 200, told.text
    assert reaches(gateway, 1, "lipsync_webhook_attempts_total", outcome="answered 404")


def test_jobs_under_way_are_counted(gateway: Service, photo: Path, long_speech: Path) -> None:
    job_id = gateway.order(photo, long_speech, provider="local", wait="0").json()["job_id"]
    gateway.reached(job_id, "rendering")
    under_way = {"provider": "local", "state": "processing"}
    assert figure(gateway, "lipsync_jobs_in_progress", **under_way) == 1
    assert gateway.client.post(f"/lipsync/{job_id}/cancel").status_code == 200
    assert figure(gateway, "lipsync_jobs_in_progress", **under_way) == 0


def test_whoever_hangs_up_is_not_waited_for(
    gateway: Service, photo: Path, long_speech: Path
) -> None:
    job_id = gateway.order(photo, long_speech, provider="local", wait="0").json()["job_id"]
    with gateway.client.stream("GET", f"/lipsync/{job_id}/events") as stream:
        lines = stream.iter_lines()
        assert next(lines) == "event: job"
        assert figure(gateway, "http_requests_in_progress") == 2  # this one is the other
    assert reaches(gateway, 1, "http_requests_in_progress")
    assert gateway.client.post(f"/lipsync/{job_id}/cancel").status_code == 200


def test_addresses_that_lead_nowhere_are_counted_as_one(gateway: Service) -> None:
    nowhere = {"route": "none", "method": "GET", "status": "404"}
    before = figure(gateway, "http_request_duration_seconds_count", **nowhere)
    for path in ("/nowhere", "/nowhere/else"):
        assert gateway.client.get(path).status_code == 404
    assert figure(gateway, "http_request_duration_seconds_count", **nowhere) == before + 2
    assert "nowhere" not in gateway.client.get("/metrics").text


def test_figures_are_for_those_with_a_key(gateway: Service) -> None:
    stranger = {"Authorization": "Bearer none", **ORIGIN}
    answer = gateway.client.get("/metrics", headers=stranger)
    assert_problem(answer, 401, "unauthorized")


def test_who_leaves_in_the_middle_of_an_upload_is_no_bug(gateway: Service) -> None:
    head = (
        "POST /lipsync HTTP/1.1\r\nHost: gateway\r\nAuthorization: Bearer a-key\r\n"
        "Content-Type: multipart/form-data; boundary=x\r\nContent-Length: 99\r\n\r\n"
    )
    with socket.create_connection(("127.0.0.1", gateway.port)) as caller:
        caller.sendall(f"{head}--x\r\n".encode())
    left = {"method": "POST", "route": "/lipsync", "status": "400"}
    assert reaches(gateway, 1, "http_request_duration_seconds_count", **left)
    assert "a request met a bug" not in gateway.log.read_text()
