"""What others point to is reached on public hosts only, also when it leads somewhere else."""

from __future__ import annotations

import asyncio
import gzip
import hashlib
import socket
import ssl
import threading
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.hazmat.primitives.serialization import Encoding, NoEncryption, PrivateFormat

from app.addresses import Addresses
from app.errors import BlockedUrl, LipSyncError, ProviderUnavailable, TooLarge

PUBLIC = "93.184.216.34"
ROOMY = 1_000_000
HOSTS = {
    "files.example": [PUBLIC],
    "mirror.example": ["2606:2800:220:1:248:1893:25c8:1946"],
    "inside.example": ["10.0.0.5"],
    "localhost.example": ["127.0.0.1"],
    "both.example": [PUBLIC, "127.0.0.1"],
    "either.example": ["2606:2800:220:1:248:1893:25c8:1946", "fd00::1"],
}
"""What a name resolves to; an address is taken for what the system's own resolver makes of it."""

Answer = Callable[[httpx.Request], httpx.Response]


def known(name: str) -> list[str]:
    """The table; nobody else is asked for a name."""
    if name in HOSTS:
        return HOSTS[name]
    found = socket.getaddrinfo(name, None, type=socket.SOCK_STREAM, flags=socket.AI_NUMERICHOST)
    return [str(entry[4][0]) for entry in found]


class Web:
    """Answers every request, and remembers where each one went."""

    def __init__(self, answer: Answer, names: Callable[[str], list[str]] = known) -> None:
        self._answer = answer
        self._names = names
        self.asked: list[httpx.Request] = []

    def _note(self, request: httpx.Request) -> httpx.Response:
        self.asked.append(request)
        return self._answer(request)

    @asynccontextmanager
    async def addresses(self, *, allow_private: bool = False) -> AsyncIterator[Addresses]:
        transport = httpx.MockTransport(self._note)
        async with httpx.AsyncClient(transport=transport, trust_env=False) as client:
            yield Addresses(client, allow_private=allow_private, names=self._names)

    async def fetch(
        self,
        url: str,
        to: Path,
        *,
        most_bytes: int = ROOMY,
        allow_private: bool = False,
        seconds: float = 60,
    ) -> None:
        async with self.addresses(allow_private=allow_private) as addresses:
            await addresses.download(url, to, most_bytes=most_bytes, seconds=seconds)

    async def tell(self, url: str, to: Path, *, seconds: float = 60) -> None:
        async with self.addresses() as addresses:
            await addresses.post(url, b"{}", {"X-One": "1"}, seconds=seconds)

    async def look_at(self, url: str, to: Path) -> None:
        async with self.addresses() as addresses:
            await addresses.check(url)


Door = Callable[[Web, str, Path], Awaitable[None]]
DOORS: list[Door] = [Web.fetch, Web.tell, Web.look_at]
every_door = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.__name__)


def film(_: httpx.Request) -> httpx.Response:
    return httpx.Response(200, content=b"a film")


PRIVATE = [
    "127.0.0.1",
    "127.255.255.254",
    "0.0.0.0",
    "10.0.0.1",
    "172.16.0.1",
    "192.168.1.1",
    "100.64.0.1",
    "100.100.100.200",
    "169.254.169.254",
    "168.63.129.16",
    "192.0.0.192",
    "192.0.2.1",
    "198.18.0.1",
    "224.0.0.1",
    "240.0.0.1",
    "255.255.255.255",
    "2130706433",
    "0x7f000001",
    "0x7f.1",
    "0177.0.0.1",
    "017700000001",
    "127.1",
    "127。0。0。1",
    "[::1]",
    "[::]",
    "[fc00::1]",
    "[fd00:ec2::254]",
    "[fe80::1]",
    "[fec0::1]",
    "[ff02::1]",
    "[::127.0.0.1]",
    "[::ffff:127.0.0.1]",
    "[::ffff:10.0.0.1]",
    "[::ffff:a9fe:a9fe]",
    "[::ffff:0:127.0.0.1]",
    "[2002:7f00:1::]",
    "[2002:a9fe:a9fe::1]",
    "[64:ff9b::127.0.0.1]",
    "[64:ff9b::a9fe:a9fe]",
    "[64:ff9b:1::7f00:1]",
    "[2001:0:4136:e378:8000:63bf:3fff:fdd2]",
    "[2001:0:7f00:1::]",
    "inside.example",
    "localhost.example",
    "both.example",
    "either.example",
    "files.example@127.0.0.1",
    "files.example:80@127.0.0.1",
    "127.0.0.1#@files.example",
    "127.0.0.1?@files.example",
    "127.0.0.1\\.files.example",
]


@every_door
@pytest.mark.parametrize("host", PRIVATE)
async def test_no_private_address_is_asked(door: Door, host: str, tmp_path: Path) -> None:
    web = Web(film)
    with pytest.raises((BlockedUrl, ProviderUnavailable)) as caught:
        await door(web, f"http://{host}/film.mp4", tmp_path / "film.mp4")
    assert web.asked == []
    # What even the system's resolver takes for no address needs no refusal.
    assert isinstance(caught.value, BlockedUrl) or "\\" in host


@pytest.mark.parametrize("host", PRIVATE)
async def test_no_redirect_leads_to_a_private_address(host: str, tmp_path: Path) -> None:
    there = f"http://{host}/film.mp4".encode()
    web = Web(lambda _: httpx.Response(302, headers=[(b"location", there)]))
    with pytest.raises((BlockedUrl, ProviderUnavailable)):
        await web.fetch("https://files.example/film.mp4", tmp_path / "film.mp4")
    assert [request.url.host for request in web.asked] == [PUBLIC]


@pytest.mark.parametrize("door", [Web.fetch, Web.tell])
async def test_the_address_that_was_checked_is_the_one_that_is_asked(
    door: Door, tmp_path: Path
) -> None:
    web = Web(film)
    await door(web, "https://files.example:8443/a/film.mp4?b=c", tmp_path / "film.mp4")
    (request,) = web.asked
    assert str(request.url) == f"https://{PUBLIC}:8443/a/film.mp4?b=c"
    assert request.headers["host"] == "files.example:8443"
    assert request.extensions["sni_hostname"] == "files.example"


class Fickle:
    """A name server whose answer changes each time it is asked."""

    def __init__(self, *answers: str) -> None:
        self._answers = list(answers)

    def __call__(self, name: str) -> list[str]:
        return [self._answers.pop(0)]


@pytest.mark.parametrize("door", [Web.fetch, Web.tell])
async def test_a_name_that_changes_its_mind_is_asked_for_once(door: Door, tmp_path: Path) -> None:
    web = Web(film, Fickle(PUBLIC, "127.0.0.1"))
    await door(web, "http://rebound.example/film.mp4", tmp_path / "film.mp4")
    assert [request.url.host for request in web.asked] == [PUBLIC]


async def test_a_redirect_back_to_a_name_that_changed_its_mind_is_refused(tmp_path: Path) -> None:
    web = Web(
        lambda _: httpx.Response(302, headers={"location": "/again"}), Fickle(PUBLIC, "10.0.0.1")
    )
    with pytest.raises(BlockedUrl):
        await web.fetch("http://rebound.example/film.mp4", tmp_path / "film.mp4")
    assert [request.url.host for request in web.asked] == [PUBLIC]


async def test_every_request_has_a_connection_of_its_own(tmp_path: Path) -> None:
    # Two names on one address: a connection that was opened for one must not serve the other.
    web = Web(film)
    await web.fetch("https://files.example/film.mp4", tmp_path / "film.mp4")
    assert web.asked[0].headers["connection"] == "close"


async def test_a_redirect_between_public_hosts_is_followed(tmp_path: Path) -> None:
    def answer(request: httpx.Request) -> httpx.Response:
        if request.headers["host"] == "files.example":
            return httpx.Response(302, headers={"location": "https://mirror.example/film.mp4"})
        return film(request)

    await Web(answer).fetch("https://files.example/film.mp4", tmp_path / "film.mp4")
    assert (tmp_path / "film.mp4").read_bytes() == b"a film"


async def test_who_is_told_something_leads_nowhere_else(tmp_path: Path) -> None:
    web = Web(lambda _: httpx.Response(307, headers={"location": "https://mirror.example/"}))
    async with web.addresses() as addresses:
        reply = await addresses.post("https://files.example/", b"{}", {}, seconds=9)
    assert reply.status == 307
    assert len(web.asked) == 1


async def test_redirects_come_to_an_end(tmp_path: Path) -> None:
    web = Web(lambda _: httpx.Response(302, headers={"location": "/again"}))
    with pytest.raises(BlockedUrl):
        await web.fetch("https://files.example/film.mp4", tmp_path / "film.mp4")
    assert len(web.asked) < 10


@every_door
@pytest.mark.parametrize(
    "url",
    [
        "file:///etc/passwd",
        "ftp://files.example/a",
        "gopher://files.example/a",
        "data:text/plain,hello",
        "//files.example/a",
        "https:///a",
        "http:127.0.0.1",
        "a",
        "",
        "https://[files.example/a",
        "https://files.example:port/a",
        "https://files.example/\x01",
        "https://files.example:0/a",
        "https://files.example:22/a",
        "https://files.example:25/a",
        "https://files.example:99999/a",
    ],
)
async def test_only_the_web_is_reached(door: Door, url: str, tmp_path: Path) -> None:
    web = Web(film)
    with pytest.raises(BlockedUrl):
        await door(web, url, tmp_path / "film.mp4")
    assert web.asked == []


@pytest.mark.parametrize("host", ["files.example.", "user:word@files.example", "[64:ff9b::5db8:1]"])
async def test_public_hosts_may_be_written_in_other_ways(host: str, tmp_path: Path) -> None:
    web = Web(film, lambda name: known(name.rstrip(".")))
    await web.fetch(f"https://{host}/film.mp4", tmp_path / "film.mp4")
    assert not web.asked[0].extensions["sni_hostname"].endswith(".")


async def test_what_was_saved_is_told_as_it_was_counted(tmp_path: Path) -> None:
    async with Web(film).addresses() as addresses:
        fetched = await addresses.download(
            "https://files.example/film.mp4", tmp_path / "film.mp4", most_bytes=ROOMY
        )
    assert (fetched.size, fetched.sha256) == (6, hashlib.sha256(b"a film").hexdigest())


def in_pieces(*pieces: bytes) -> Callable[[httpx.Request], httpx.Response]:
    """An answer that does not say how long it is."""

    async def stream() -> AsyncIterator[bytes]:
        for piece in pieces:
            yield piece

    return lambda _: httpx.Response(200, content=stream())


@pytest.mark.parametrize("headers", [{}, {"content-length": "1"}, {"content-length": "none"}])
async def test_no_more_is_taken_than_is_allowed(headers: dict[str, str], tmp_path: Path) -> None:
    web = Web(lambda _: httpx.Response(200, headers=headers, content=bytes(1001)))
    await web.fetch("https://files.example/a", tmp_path / "a", most_bytes=1001)
    with pytest.raises(TooLarge):
        await web.fetch("https://files.example/a", tmp_path / "a", most_bytes=1000)


async def test_no_more_is_taken_of_what_does_not_say_how_long_it_is(tmp_path: Path) -> None:
    with pytest.raises(TooLarge):
        await Web(in_pieces(*[bytes(400_000)] * 3)).fetch(
            "https://files.example/a", tmp_path / "a", most_bytes=1_000_000
        )
    assert (tmp_path / "a").stat().st_size <= 1_000_000


async def test_what_says_that_it_is_too_large_is_not_even_begun(tmp_path: Path) -> None:
    declared = {"content-length": "1000000000000"}
    web = Web(lambda _: httpx.Response(200, headers=declared, content=b"it begins"))
    with pytest.raises(TooLarge) as caught:
        await web.fetch("https://files.example/a", tmp_path / "a")
    assert caught.value.detail == "What the address holds is too large. The limit is 1 MB."
    assert not (tmp_path / "a").exists()


@pytest.mark.parametrize("encoding", ["gzip", "gzip, gzip", "deflate", "br"])
async def test_nothing_packed_is_unpacked(encoding: str, tmp_path: Path) -> None:
    bomb = gzip.compress(gzip.compress(bytes(50_000_000)))
    headers = {"content-encoding": encoding}
    web = Web(lambda _: httpx.Response(200, headers=headers, stream=httpx.ByteStream(bomb)))
    with pytest.raises(ProviderUnavailable):
        await web.fetch("https://files.example/a", tmp_path / "a")
    assert web.asked[0].headers["accept-encoding"] == "identity"
    assert not (tmp_path / "a").exists()


async def test_what_drips_is_not_waited_for(tmp_path: Path) -> None:
    async def drip() -> AsyncIterator[bytes]:
        while True:
            yield b"."
            await asyncio.sleep(0)

    web = Web(lambda _: httpx.Response(200, content=drip()))
    with pytest.raises(ProviderUnavailable) as caught:
        await web.fetch("https://files.example/a", tmp_path / "a", seconds=0.05)
    assert caught.value.detail == "What the address holds did not arrive within 0.05 seconds."


async def test_who_does_not_answer_is_not_waited_for(tmp_path: Path) -> None:
    class Silent(httpx.AsyncBaseTransport):
        async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
            await asyncio.Event().wait()
            raise AssertionError("nothing ends this wait")

    async with httpx.AsyncClient(transport=Silent(), trust_env=False) as client:
        addresses = Addresses(client, allow_private=False, names=known)
        with pytest.raises(ProviderUnavailable):
            await addresses.post("https://files.example/", b"{}", {}, seconds=0.05)


async def test_a_name_server_that_does_not_answer_is_not_waited_for() -> None:
    answer = threading.Event()

    def slow(name: str) -> list[str]:
        answer.wait(20)
        return [PUBLIC]

    async with Web(film, slow).addresses() as addresses:
        with pytest.raises(ProviderUnavailable):
            await addresses.check("https://files.example/", seconds=0.05)
    answer.set()


@pytest.mark.parametrize("status", [403, 404, 503])
async def test_what_cannot_be_had_right_now_may_be_later(status: int, tmp_path: Path) -> None:
    web = Web(lambda _: httpx.Response(status))
    with pytest.raises(ProviderUnavailable) as caught:
        await web.fetch("https://files.example/film.mp4", tmp_path / "film.mp4")
    assert isinstance(caught.value, LipSyncError)
    assert caught.value.retryable


@every_door
@pytest.mark.parametrize("name", ["nobody.example", "xn--", "-", "a" * 300])
async def test_a_name_that_nobody_knows_cannot_be_reached(
    door: Door, name: str, tmp_path: Path
) -> None:
    with pytest.raises(ProviderUnavailable):
        await door(Web(film), f"https://{name}/film.mp4", tmp_path / "film.mp4")


async def test_private_addresses_may_be_allowed(tmp_path: Path) -> None:
    web = Web(film)
    await web.fetch("http://127.0.0.1:9/film.mp4", tmp_path / "film.mp4", allow_private=True)
    assert (tmp_path / "film.mp4").read_bytes() == b"a film"


def certificate(name: str, folder: Path) -> Path:
    """A certificate for a name, signed by itself, and its key in one file."""
    key = ec.generate_private_key(ec.SECP256R1())
    own = x509.Name([x509.NameAttribute(x509.NameOID.COMMON_NAME, name)])
    now = datetime.now(UTC)
    made = (
        x509.CertificateBuilder(own, own, key.public_key(), x509.random_serial_number())
        .not_valid_before(now - timedelta(days=1))
        .not_valid_after(now + timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.DNSName(name)]), critical=False)
        .sign(key, hashes.SHA256())
    )
    path = folder / f"{name}.pem"
    path.write_bytes(
        made.public_bytes(Encoding.PEM)
        + key.private_bytes(Encoding.PEM, PrivateFormat.PKCS8, NoEncryption())
    )
    return path


async def test_the_certificate_is_checked_against_the_name(tmp_path: Path) -> None:
    held = certificate("files.example", tmp_path)
    serving = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    serving.load_cert_chain(held)
    trusting = ssl.create_default_context(cafile=str(held))

    async def answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\na film")
        await writer.drain()
        writer.close()

    server = await asyncio.start_server(answer, "127.0.0.1", 0, ssl=serving)
    port = server.sockets[0].getsockname()[1]
    async with server, httpx.AsyncClient(verify=trusting, trust_env=False) as client:
        addresses = Addresses(client, allow_private=True, names=lambda _: ["127.0.0.1"])
        to = tmp_path / "film.mp4"
        await addresses.download(f"https://files.example:{port}/film", to, most_bytes=ROOMY)
        assert to.read_bytes() == b"a film"
        with pytest.raises(ProviderUnavailable):
            await addresses.download(f"https://mirror.example:{port}/film", to, most_bytes=ROOMY)
