"""The five adapters against the stand-in over real sockets, and the stand-in's own faults."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Callable, Iterator
from pathlib import Path
from typing import Any

import av
import httpx
import pytest

from app.errors import LipSyncError
from app.media.probe import probe_audio, probe_face
from app.model import Media, Order, Phase, State, Ticket, Update
from app.polling import RealClock
from app.providers import HTTP_PROVIDERS
from app.providers.http import HttpProvider
from tests.media.samples import Recipe, make, record
from tests.standin import RunningStandIn
from tests.vendors import VENDORS

SOUND_SECONDS = 1.5
Provider = HttpProvider[Any]


@pytest.fixture(scope="module")
def standin(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RunningStandIn]:
    with RunningStandIn(tmp_path_factory.mktemp("standin"), seconds=0.3) as running:
        yield running


@pytest.fixture(scope="module")
def video(tmp_path_factory: pytest.TempPathFactory) -> Media:
    path = make(tmp_path_factory.mktemp("media") / "face.mp4", "mp4")
    return probe_face(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture(scope="module")
def voice(tmp_path_factory: pytest.TempPathFactory) -> Media:
    path = tmp_path_factory.mktemp("media") / "voice.wav"
    record(path, Recipe(sound="pcm_s16le", seconds=SOUND_SECONDS))
    return probe_audio(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())


@pytest.fixture
async def make_provider(
    standin: RunningStandIn, monkeypatch: pytest.MonkeyPatch
) -> AsyncIterator[Callable[[type[Provider]], Provider]]:
    """Adapters set up from the environment, as the service sets them up."""
    for name, value in standin.settings.items():
        monkeypatch.setenv(name, value)
    async with httpx.AsyncClient(trust_env=False, timeout=2) as client:
        yield lambda kind: kind(kind.config(_env_file=None), client, RealClock())


async def submit(provider: Provider, face: Media, audio: Media) -> Ticket:
    async def ignore(_: Phase) -> None:
        pass

    return await provider.submit(Order("lsj_1", face, audio, provider.options(), Path()), ignore)


async def finished(provider: Provider, ticket: Ticket) -> Update:
    """The final word on a ticket, and nothing but patience before."""
    async with asyncio.timeout(10):
        while not (update := await provider.check(ticket)).state.final:
            assert update.state is State.PROCESSING
    return update


def stored(files: list[dict[str, Any]]) -> set[str]:
    """What the files on disk are."""
    return {hashlib.sha256(Path(file["path"]).read_bytes()).hexdigest() for file in files}


@pytest.mark.parametrize("kind", HTTP_PROVIDERS, ids=lambda kind: kind.name)
async def test_a_job_from_its_files_to_its_video(
    standin: RunningStandIn,
    make_provider: Callable[[type[Provider]], Provider],
    video: Media,
    voice: Media,
    kind: type[Provider],
    tmp_path: Path,
) -> None:
    provider = make_provider(kind)
    before = standin.seen()
    ticket = await submit(provider, video, voice)
    update = await finished(provider, ticket)
    assert update.video is not None
    assert update.video.url is not None
    result = standin.client.get(update.video.url).raise_for_status()
    assert result.headers["content-type"] == "video/mp4"
    (tmp_path / "result.mp4").write_bytes(result.content)
    with av.open(tmp_path / "result.mp4") as recording:
        assert recording.streams.video
        assert recording.streams.audio
        assert (recording.duration or 0) / 1e6 == pytest.approx(SOUND_SECONDS, abs=0.1)
    seen = standin.seen()
    assert seen["paid"] == before["paid"] | {kind.name: before["paid"][kind.name] + 1}
    assert seen["strayed_keys"] == before["strayed_keys"]
    assert seen["unknown"] == before["unknown"]
    order = next(each for each in seen["orders"] if each["job_id"] == ticket["run_id"])
    assert order["provider"] == kind.name
    assert {file["sha256"] for file in order["files"]} == {video.sha256, voice.sha256}
    assert stored(order["files"]) == {video.sha256, voice.sha256}
    assert order["downloads"] == 1


@pytest.mark.parametrize("kind", HTTP_PROVIDERS, ids=lambda kind: kind.name)
@pytest.mark.parametrize(
    ("fault", "code", "counted"),
    [
        ("reset_before", "outcome_unknown", 0),
        ("reset_after_acceptance", "outcome_unknown", 1),
        ("truncated", "bad_answer", 1),
        ("403_credits", "out_of_credits", 0),
        ("500", "provider_error", 0),
    ],
)
async def test_an_order_that_goes_wrong_is_counted_as_the_platform_counts_it(
    standin: RunningStandIn,
    make_provider: Callable[[type[Provider]], Provider],
    video: Media,
    voice: Media,
    kind: type[Provider],
    fault: str,
    code: str,
    counted: int,
) -> None:
    before = standin.seen()["paid"][kind.name]
    standin.fail(kind.name, "submit", fault)
    with pytest.raises(LipSyncError) as caught:
        await submit(make_provider(kind), video, voice)
    assert caught.value.code == code
    assert standin.seen()["paid"][kind.name] - before == counted


async def test_faults_while_asking(
    standin: RunningStandIn,
    make_provider: Callable[[type[Provider]], Provider],
    video: Media,
    voice: Media,
) -> None:
    provider = make_provider(VENDORS[0].provider)
    ticket = await submit(provider, video, voice)
    outcomes = {
        "reset_before": "provider_unavailable",
        "429": "rate_limited",
        "html": "bad_answer",
        "401": "provider_auth",
        "503": "provider_unavailable",
    }
    for fault, code in outcomes.items():
        standin.fail(provider.name, "status", fault)
        with pytest.raises(LipSyncError) as caught:
            await provider.check(ticket)
        assert caught.value.code == code
        assert caught.value.retry_after == (0.25 if fault == "429" else None)
    standin.fail(provider.name, "status", "unknown_word")
    assert (await provider.check(ticket)).state is State.PROCESSING
    standin.fail(provider.name, "status", "failed")
    assert (await finished(provider, ticket)).state is State.FAILED


async def test_a_canceled_job_ends(
    standin: RunningStandIn,
    make_provider: Callable[[type[Provider]], Provider],
    video: Media,
    voice: Media,
) -> None:
    (kind,) = [kind for kind in HTTP_PROVIDERS if kind.name == "fal_lipsync"]
    provider = make_provider(kind)
    ticket = await submit(provider, video, voice)
    await provider.cancel(ticket)
    with pytest.raises(LipSyncError, match="cancelled"):
        await finished(provider, ticket)
    order = standin.seen()["orders"][-1]
    assert (order["job_id"], order["canceled"]) == (ticket["run_id"], True)


async def test_uploads_that_go_wrong_are_not_paid(
    standin: RunningStandIn,
    make_provider: Callable[[type[Provider]], Provider],
    video: Media,
    voice: Media,
) -> None:
    for kind in (vendor.provider for vendor in VENDORS if vendor.puts):
        before = standin.seen()
        for at, fault, code in (
            ("upload", "401", "provider_auth"),
            ("put", "422", "input_rejected"),
        ):
            standin.fail(kind.name, at, fault)
            with pytest.raises(LipSyncError) as caught:
                await submit(make_provider(kind), video, voice)
            assert caught.value.code == code
        assert standin.seen()["files"] == before["files"]
        standin.fail(kind.name, "put", "reset_before")
        assert await submit(make_provider(kind), video, voice)
        assert standin.seen()["paid"][kind.name] - before["paid"][kind.name] == 1


async def test_a_download_may_break_and_a_check_may_hang(
    standin: RunningStandIn,
    make_provider: Callable[[type[Provider]], Provider],
    video: Media,
    voice: Media,
) -> None:
    provider = make_provider(VENDORS[0].provider)
    ticket = await submit(provider, video, voice)
    update = await finished(provider, ticket)
    assert update.video is not None
    url = str(update.video.url)
    standin.fail(provider.name, "download", "503")
    assert standin.client.get(url).status_code == 503
    standin.fail(provider.name, "download", "reset_before")
    with pytest.raises(httpx.TransportError):
        standin.client.get(url)
    standin.fail(provider.name, "download", "503")
    standin.heal()
    assert standin.client.get(url, headers={"Range": "bytes=4-7"}).content == b"ftyp"
    standin.fail(provider.name, "status", "hang")
    key = {"Authorization": "Bearer a"}
    with pytest.raises(httpx.ReadTimeout):
        standin.client.get(ticket["status_url"], headers=key, timeout=0.2)


def test_what_does_not_belong_is_told(standin: RunningStandIn) -> None:
    assert standin.client.get("/api.gooey.ai/v3/Lipsync/status/?run_id=x").status_code == 401
    assert standin.client.get("/files/x", headers={"Authorization": "Bearer a"}).status_code == 404
    assert standin.client.get("/nowhere").status_code == 404
    seen = standin.seen()
    assert seen["strayed_keys"].pop() == "/files/x"
    assert seen["unknown"].pop().endswith("/nowhere")
