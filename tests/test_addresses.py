"""What others point to is fetched from public hosts only, also when it leads somewhere else."""

from __future__ import annotations

import asyncio
import socket
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest

from app.addresses import Addresses
from app.errors import BlockedUrl, LipSyncError, ProviderUnavailable, TooLarge

PUBLIC = "93.184.216.34"
ROOMY = 1_000_000
HOSTS = {
    "files.example": [PUBLIC],
    "mirror.example": ["2606:2800:220:1:248:1893:25c8:1946"],
    "inside.example": ["10.0.0.5"],
    "both.example": [PUBLIC, "127.0.0.1"],
}
"""What a name resolves to; an address is taken for what the system's own resolver makes of it."""

Answer = Callable[[httpx.Request], httpx.Response]


@pytest.fixture(autouse=True)
def _names(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nobody but this table is asked for the names in it."""
    loop = asyncio.base_events.BaseEventLoop
    real = loop.getaddrinfo

    async def resolve(self: Any, host: str, port: Any, **hints: Any) -> list[Any]:
        if host in HOSTS:
            return [(socket.AF_INET, socket.SOCK_STREAM, 6, "", (ip, 0)) for ip in HOSTS[host]]
        found: list[Any] = await real(self, host, port, flags=socket.AI_NUMERICHOST, **hints)
        return found

    monkeypatch.setattr(loop, "getaddrinfo", resolve)


class Web:
    """Answers every request, and remembers where each one went."""

    def __init__(self, answer: Answer) -> None:
        self._answer = answer
        self.asked: list[httpx.Request] = []

    def _note(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self._answer(request)

    async def fetch(
        self, url: str, to: Path, *, most_bytes: int = ROOMY, allow_private: bool = False
    ) -> None:
        transport = httpx.MockTransport(self._note)
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            addresses = Addresses(client, allow_private=allow_private)
            await addresses.download(url, to, most_bytes=most_bytes)


def film(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=b"a film")


PRIVATE = [
    "127.0.0.1",
    "localhost.example",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "169.254.169.254",
    "224.0.0.1",
    "2130706433",
    "0x7f000001",
    "0177.0.0.1",
    "127.1",
    "[::1]",
    "[::]",
    "[fc00::1]",
    "[fe80::1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[2002:7f00:1::]",
    "inside.example",
    "both.example",
]
HOSTS["localhost.example"] = ["127.0.0.1"]


@pytest.mark.parametrize("host", PRIVATE)
async def test_no_private_address_is_asked(host: str, tmp_path: Path) -> None:
    web = Web(film)
    with pytest.raises(BlockedUrl):
        await web.fetch(f"http://{host}/film.mp4", tmp_path / "film.mp4")
    assert web.asked == []


@pytest.mark.parametrize("host", PRIVATE)
async def test_no_redirect_leads_to_a_private_address(host: str, tmp_path: Path) -> None:
    web = Web(lambda _: httpx.Response(302, headers={"location": f"http://{host}/film.mp4"}))
    # Of an address that is written oddly the client already says that it is none.
    with pytest.raises((BlockedUrl, ProviderUnavailable)):
        await web.fetch("https://files.example/film.mp4", tmp_path / "film.mp4")
    assert [request.url.host for request in web.asked] == [PUBLIC]


async def test_the_address_that_was_checked_is_the_one_that_is_asked(tmp_path: Path) -> None:
    web = Web(film)
    await web.fetch("https://files.example:8443/a/film.mp4?b=c", tmp_path / "film.mp4")
    (request,) = web.asked
    assert str(request.url) == f"https://{PUBLIC}:8443/a/film.mp4?b=c"
    assert request.headers["host"] == "files.example:8443"
    assert request.extensions["sni_hostname"] == "files.example"
    assert (tmp_path / "film.mp4").read_bytes() == b"a film"


async def test_a_redirect_between_public_hosts_is_followed(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["host"] == "files.example":
            return httpx.Response(302, headers={"location": "https://mirror.example/film.mp4"})
        return film(request)

    await Web(answer).fetch("https://files.example/film.mp4", tmp_path / "film.mp4")
    assert (tmp_path / "film.mp4").read_bytes() == b"a film"


async def test_redirects_come_to_an_end(tmp_path: Path) -> None:
    web = Web(lambda _: httpx.Response(302, headers={"location": "/again"}))
    with pytest.raises(BlockedUrl):
        await web.fetch("https://files.example/film.mp4", tmp_path / "film.mp4")
    assert len(web.asked) < 10


@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://files.example/a",
        "https:///a",
        "a",
        "https://[files.example/a",
        "https://files.example:99999/a",
        "https://files.example:port/a",
        "https://files.example/\x01",
    ],
)
async def test_only_the_web_is_fetched(url: str, tmp_path: Path) -> None:
    web = Web(film)
    with pytest.raises(BlockedUrl):
        await web.fetch(url, tmp_path / "film.mp4")
    assert web.asked == []


@pytest.mark.parametrize("headers", [{}, {"content-length": "1"}])
async def test_no_more_is_taken_than_is_allowed(headers: dict[str, str], tmp_path: Path) -> None:
    web = Web(lambda _: httpx.Response(200, headers=headers, content=bytes(1001)))
    await web.fetch("https://files.example/a", tmp_path / "a", most_bytes=1001)
    with pytest.raises(TooLarge):
        await web.fetch("https://files.example/a", tmp_path / "a", most_bytes=1000)


@pytest.mark.parametrize("status", [403, 404, 503])
async def test_what_cannot_be_had_right_now_may_be_later(status: int, tmp_path: Path) -> None:
    web = Web(lambda _: httpx.Response(status))
    with pytest.raises(ProviderUnavailable) as caught:
        await web.fetch("https://files.example/film.mp4", tmp_path / "film.mp4")
    assert isinstance(caught.value, LipSyncError)
    assert caught.value.retryable


async def test_private_addresses_may_be_allowed(tmp_path: Path) -> None:
    web = Web(film)
    await web.fetch("http://127.0.0.1:9/film.mp4", tmp_path / "film.mp4", allow_private=True)
    assert (tmp_path / "film.mp4").read_bytes() == b"a film"
