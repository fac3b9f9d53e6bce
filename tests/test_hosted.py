"""The whole service with hosted providers: what callers are told, and what was paid for."""

from __future__ import annotations

import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from tests.service import ORIGIN, Service, assert_problem
from tests.standin import RunningStandIn
from tests.vendors import VENDORS

TEXT = "Hello! What would you like me to say?"
HOSTED = tuple(vendor.name for vendor in VENDORS)


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStandIn]:
    with RunningStandIn(tmp_path_factory.mktemp("standin"), seconds=0.2) as running:
        yield running


@pytest.fixture(scope="module")
def gateway(standin: RunningStandIn, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Service]:
    with Service(tmp_path_factory.mktemp("gateway"), **standin.settings) as running:
        yield running


@pytest.fixture(autouse=True)
def _sound(standin: RunningStandIn) -> Iterator[None]:
    """Every test begins and ends with platforms that work."""
    standin.heal()
    yield
    standin.heal()


@pytest.fixture(scope="module")
def clip(gateway: Service, photo: Path, speech: Path, files: Path) -> Path:
    """A video of a talking face, which every provider takes as it is."""
    job = gateway.order(photo, speech, provider="local", options='{"max_side": 256}').json()
    path = files / "clip.mp4"
    path.write_bytes(gateway.client.get(job["download_url"]).content)
    return path


def paid(standin: RunningStandIn) -> int:
    return len(standin.seen()["orders"])


@pytest.mark.parametrize("provider", HOSTED)
def test_an_order_comes_back_as_a_video_that_was_paid_for_once(
    gateway: Service, standin: RunningStandIn, clip: Path, speech: Path, provider: str
) -> None:
    before = paid(standin)
    answer = gateway.order(clip, speech, provider=provider)
    assert answer.status_code == 200, answer.text
    job = answer.json()
    assert job["status"] == "success"
    assert job["provider"] == provider
    assert job["message"] == "Lip-sync video generated successfully!"
    assert job["run_id"]
    assert job["video_url"].startswith(standin.base_url)
    kept = gateway.client.get(job["download_url"])
    assert kept.content == httpx.get(job["video_url"]).content
    assert job["file_size"] == len(kept.content)
    assert job["warnings"] == []
    assert paid(standin) == before + 1


def test_costs_are_told_before_and_after_where_the_vendor_tells_them(
    gateway: Service, clip: Path, speech: Path
) -> None:
    gooey = gateway.order(clip, speech, provider="gooey").json()
    assert gooey["cost"] == {"estimated": 6, "charged": None, "unit": "credits"}
    magic_hour = gateway.order(clip, speech, provider="magic_hour").json()
    assert magic_hour["cost"]["estimated"] == pytest.approx(30 * 2.4, abs=20)
    assert magic_hour["cost"]["charged"] == 187


def test_gooeys_page_is_told_under_the_name_that_its_first_clients_read(
    gateway: Service, clip: Path, speech: Path
) -> None:
    job = gateway.order(clip, speech, provider="gooey").json()
    assert job["gooey_url"] == job["provider_url"]
    assert job["gooey_url"].startswith("https://gooey.ai/")


@pytest.mark.parametrize("provider", ["aiml_pixverse", "fal_lipsync"])
def test_a_still_reaches_a_provider_of_videos_as_a_talking_video(
    gateway: Service, standin: RunningStandIn, photo: Path, speech: Path, provider: str
) -> None:
    job = gateway.order(photo, speech, provider=provider).json()
    assert job["status"] == "success", job
    assert any("animated" in warning for warning in job["warnings"])
    sent = standin.seen()["orders"][-1]["files"]
    assert any(Path(file["path"]).read_bytes()[4:8] == b"ftyp" for file in sent)


def test_a_still_reaches_gooey_as_it_is(
    gateway: Service, standin: RunningStandIn, photo: Path, speech: Path
) -> None:
    assert gateway.order(photo, speech, provider="gooey").status_code == 200
    sent = [Path(file["path"]).read_bytes() for file in standin.seen()["orders"][-1]["files"]]
    assert photo.read_bytes() in sent
    assert speech.read_bytes() in sent


@pytest.mark.parametrize("provider", HOSTED)
@pytest.mark.parametrize(
    ("kind", "status", "code", "charged"),
    [
        ("401", 500, "provider_auth", "no"),
        ("403_credits", 402, "out_of_credits", "no"),
        ("422", 422, "input_rejected", "no"),
        ("429", 429, "rate_limited", "no"),
        ("500", 502, "provider_error", "unknown"),
        ("503", 503, "provider_unavailable", "no"),
        ("html", 502, "bad_answer", "unknown"),
        ("reset_before", 502, "outcome_unknown", "unknown"),
        ("reset_after_acceptance", 502, "outcome_unknown", "unknown"),
    ],
)
def test_a_submit_that_fails_is_told_truly_and_never_repeated(
    gateway: Service,
    standin: RunningStandIn,
    clip: Path,
    speech: Path,
    provider: str,
    kind: str,
    status: int,
    code: str,
    charged: str,
) -> None:
    before = paid(standin)
    standin.fail(provider, "submit", kind)
    problem = assert_problem(
        gateway.order(clip, speech, provider=provider), status, code, charged=charged
    )
    assert problem["provider"] == provider
    assert "API error: " in problem["detail"]
    assert paid(standin) - before == (1 if kind in ("html", "reset_after_acceptance") else 0)


def test_the_vendors_own_words_are_kept(
    gateway: Service, standin: RunningStandIn, clip: Path, speech: Path
) -> None:
    standin.fail("gooey", "submit", "422")
    problem = gateway.order(clip, speech, provider="gooey").json()
    assert problem["provider_error"]["status"] == 422
    assert problem["detail"] == f"Gooey.AI API error: {problem['provider_error']['message']}"


@pytest.mark.parametrize("provider", HOSTED)
def test_a_status_that_stumbles_is_forgiven(
    gateway: Service, standin: RunningStandIn, clip: Path, speech: Path, provider: str
) -> None:
    for kind in ("503", "reset_before", "unknown_word"):
        standin.fail(provider, "status", kind)
    assert gateway.order(clip, speech, provider=provider).status_code == 200


def test_a_result_that_cannot_be_fetched_at_once_is_fetched_again(
    gateway: Service, standin: RunningStandIn, clip: Path, speech: Path
) -> None:
    standin.fail("gooey", "download", "503")
    standin.fail("gooey", "download", "truncated")
    job = gateway.order(clip, speech, provider="gooey").json()
    assert job["status"] == "success"
    assert gateway.client.get(job["download_url"]).status_code == 200


def test_a_link_that_has_expired_is_asked_for_anew(
    gateway: Service, standin: RunningStandIn, clip: Path, speech: Path
) -> None:
    standin.fail("magic_hour", "download", "expired")
    job = gateway.order(clip, speech, provider="magic_hour").json()
    assert job["status"] == "success"
    assert gateway.client.get(job["download_url"]).status_code == 200


def test_without_a_face_or_without_speech_nothing_is_paid(
    gateway: Service,
    standin: RunningStandIn,
    scenery: Path,
    photo: Path,
    speech: Path,
    silence: Path,
) -> None:
    before = paid(standin)
    for provider in HOSTED:
        faceless = gateway.order(scenery, speech, provider=provider)
        assert_problem(faceless, 422, "no_face")
        silent = gateway.order(photo, silence, provider=provider)
        assert_problem(silent, 422, "no_speech")
    assert paid(standin) == before


def test_auto_asks_the_next_one_after_a_refusal_that_cost_nothing(
    gateway: Service, standin: RunningStandIn, clip: Path, speech: Path
) -> None:
    before = paid(standin)
    standin.fail("gooey", "submit", "403_credits")
    standin.fail("magic_hour", "submit", "401")
    job = gateway.order(clip, speech).json()
    assert job["status"] == "success"
    assert job["provider"] == "aiml_pixverse"
    assert job["warnings"][:2] == [
        "Gooey.AI refused (out_of_credits), so Magic Hour was asked.",
        "Magic Hour refused (provider_auth), so AIML API (PixVerse) was asked.",
    ]
    assert paid(standin) == before + 1


def test_auto_asks_nobody_else_when_the_outcome_is_unknown(
    gateway: Service, standin: RunningStandIn, clip: Path, speech: Path
) -> None:
    before = paid(standin)
    standin.fail("gooey", "submit", "reset_after_acceptance")
    answer = gateway.order(clip, speech)
    assert_problem(answer, 502, "outcome_unknown", charged="unknown")
    assert paid(standin) == before + 1


def test_a_named_provider_that_refuses_is_not_replaced(
    gateway: Service, standin: RunningStandIn, clip: Path, speech: Path
) -> None:
    standin.fail("gooey", "submit", "403_credits")
    answer = gateway.order(clip, speech, provider="gooey")
    assert_problem(answer, 402, "out_of_credits")


def test_failover_can_be_switched_off(
    standin: RunningStandIn, tmp_path: Path, clip: Path, speech: Path
) -> None:
    with Service(tmp_path, **standin.settings, PROVIDER_FAILOVER="false") as strict:
        standin.fail("gooey", "submit", "403_credits")
        assert_problem(strict.order(clip, speech), 402, "out_of_credits")


def test_who_waited_in_vain_finds_the_video_later(
    standin: RunningStandIn, tmp_path: Path, clip: Path, speech: Path
) -> None:
    with Service(tmp_path, **standin.settings, LIPSYNC_TIMEOUT_SECONDS="0.05") as hasty:
        problem = assert_problem(hasty.order(clip, speech, provider="gooey"), 504, "timeout")
        assert hasty.finished(problem["job_id"])["status"] == "success"


@pytest.mark.parametrize("provider", HOSTED)
def test_a_kill_while_the_order_leaves_is_found_again_and_told(
    standin: RunningStandIn, tmp_path: Path, clip: Path, speech: Path, provider: str
) -> None:
    before = paid(standin)
    with Service(tmp_path, **standin.settings) as service:
        standin.fail(provider, "submit", "hang")
        job_id = service.order(clip, speech, provider=provider, wait="0").json()["job_id"]
        service.reached(job_id, "submitting")
        service.kill()
        standin.heal()
        service.start()
        job = service.finished(job_id)
    assert job["status"] == "failed"
    assert job["error"]["code"] == "outcome_unknown"
    assert job["error"]["charged"] == "unknown"
    assert paid(standin) == before


@pytest.mark.parametrize("provider", HOSTED)
def test_a_kill_while_the_vendor_works_loses_nothing(
    tmp_path: Path, clip: Path, speech: Path, provider: str
) -> None:
    with (
        RunningStandIn(tmp_path, seconds=2) as slow,
        Service(tmp_path, **slow.settings) as service,
    ):
        job_id = service.order(clip, speech, provider=provider, wait="0").json()["job_id"]
        _until(lambda: service.client.get(f"/lipsync/{job_id}").json()["run_id"])
        service.kill()
        service.start()
        assert service.finished(job_id)["status"] == "success"
        assert paid(slow) == 1


def test_no_key_is_ever_logged_or_told(
    gateway: Service, standin: RunningStandIn, clip: Path, speech: Path
) -> None:
    standin.fail("gooey", "submit", "401")
    told = gateway.order(clip, speech, provider="gooey").text
    listed = gateway.client.get("/providers").text
    key = standin.settings["GOOEY_API_KEY"]
    assert key not in told + listed + gateway.log.read_text()
    assert standin.seen()["strayed_keys"] == []


def words_of(standin: RunningStandIn) -> tuple[str | None, str | None]:
    """The text and the speaker of the latest order."""
    fields = standin.seen()["orders"][-1]["fields"]
    fields |= json.loads(fields.get("json", "{}"))
    text = fields.get("lip_sync_tts_content") or fields.get("text_prompt")
    return text, fields.get("lip_sync_tts_speaker") or fields.get("openai_voice_name")


def test_a_providers_own_voices_are_listed_with_it(gateway: Service, service: Service) -> None:
    listed = gateway.client.get("/text-to-speech/voices").json()["voices"]
    theirs = {voice["name"]: voice for voice in listed if voice["provider"]}
    assert theirs["Oliver"] == {
        "name": "Oliver",
        "language": None,
        "gender": "male",
        "provider": "aiml_pixverse",
        "sample": None,
    }
    assert theirs["Alloy"]["provider"] == "gooey"
    assert len(theirs) == 15 + 9
    without_key = service.client.get("/text-to-speech/voices").json()["voices"]
    assert not [voice for voice in without_key if voice["provider"]]


@pytest.mark.parametrize(
    ("voice", "fields", "provider", "speaker"),
    [
        ("oliver", {}, "aiml_pixverse", "Oliver"),
        ("oliver", {"provider": "aiml_pixverse"}, "aiml_pixverse", "Oliver"),
        ("Nova", {}, "gooey", "nova"),
    ],
)
def test_a_text_is_said_by_whoever_has_the_voice(
    gateway: Service,
    standin: RunningStandIn,
    clip: Path,
    voice: str,
    fields: dict[str, str],
    provider: str,
    speaker: str,
) -> None:
    job = gateway.say(clip, TEXT, voice=voice, **fields).json()
    assert job["status"] == "success", job
    assert job["provider"] == provider
    assert words_of(standin) == (TEXT, speaker)
    assert not any("seconds long, shorter" in warning for warning in job["warnings"])


@pytest.mark.parametrize("provider", HOSTED)
def test_our_own_voices_reach_every_provider_as_sound(
    gateway: Service, standin: RunningStandIn, clip: Path, provider: str
) -> None:
    job = gateway.say(clip, TEXT, voice="Hannah", provider=provider).json()
    assert job["status"] == "success", job
    assert words_of(standin) == (None, None)
    assert job["duration_seconds"] == pytest.approx(2.6, abs=0.5)


def test_after_a_refusal_somebody_else_speaks_and_it_is_told(
    gateway: Service, standin: RunningStandIn, clip: Path
) -> None:
    standin.fail("aiml_pixverse", "submit", "403_credits")
    job = gateway.say(clip, TEXT, voice="Oliver").json()
    assert job["status"] == "success", job
    assert job["provider"] == "gooey"
    assert job["warnings"][:2] == [
        "AIML API (PixVerse) refused (out_of_credits), so Gooey.AI was asked.",
        "Oliver only speaks for AIML API (PixVerse), so Walter did.",
    ]


def test_a_voice_of_another_provider_is_refused_at_no_cost(
    gateway: Service, standin: RunningStandIn, clip: Path
) -> None:
    before = paid(standin)
    for provider in ("gooey", "local"):
        answer = gateway.say(clip, TEXT, voice="Oliver", provider=provider)
        problem = assert_problem(answer, 422, "invalid_request")
        assert problem["detail"] == "voice: Oliver only speaks in videos by AIML API (PixVerse)."
    unknown = assert_problem(gateway.say(clip, TEXT, voice="Bob"), 422, "invalid_request")
    assert "Hannah, " in unknown["detail"]
    assert ", Oliver, " in unknown["detail"]
    assert paid(standin) == before


def test_a_providers_voice_is_not_heard_alone(gateway: Service) -> None:
    answer = gateway.client.post(
        "/text-to-speech", json={"text": TEXT, "name": "Oliver"}, headers=ORIGIN
    )
    assert_problem(answer, 422, "invalid_request")


def _until(condition: Any, *, within: float = 20) -> None:
    deadline = time.monotonic() + within
    while not condition():
        assert time.monotonic() < deadline
