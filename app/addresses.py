"""Which addresses that others name may be fetched, and fetching them safely.

A name is resolved once and the connection goes to just that address, so that it cannot mean
another host a moment later. Addresses of this machine and of private networks are refused, and each
redirect is checked anew.
"""

from __future__ import annotations

import asyncio
import ipaddress
import socket
from pathlib import Path
from urllib.parse import urljoin, urlsplit

import httpx

from app.errors import BlockedUrl, ProviderUnavailable, TooLarge

_MOST_REDIRECTS = 5
_MEGABYTE = 1_000_000


class Addresses:
    """Fetches what others point to. ``allow_private`` lets it reach private networks, too."""

    def __init__(self, http: httpx.AsyncClient, *, allow_private: bool) -> None:
        self._http = http
        self._allow_private = allow_private

    async def download(self, url: str, to: Path, *, most_bytes: int) -> None:
        """Save what is at an address.

        Raises BlockedUrl, TooLarge, and ProviderUnavailable when it cannot be had right now.
        """
        for _ in range(_MOST_REDIRECTS + 1):
            try:
                onward = await self._fetch(url, to, most_bytes)
            except httpx.HTTPError:
                raise ProviderUnavailable("The address cannot be reached.") from None
            if onward is None:
                return
            url = urljoin(url, onward)
        raise BlockedUrl("The address leads from one to the next and never ends.")

    async def _fetch(self, url: str, to: Path, most_bytes: int) -> str | None:
        """Save the answer, or say where it leads."""
        pinned, headers, extensions = await self._pin(url)
        request = self._http.build_request("GET", pinned, headers=headers, extensions=extensions)
        answer = await self._http.send(request, stream=True)
        try:
            if answer.has_redirect_location:
                return answer.headers["location"]
            if not answer.is_success:
                raise ProviderUnavailable(f"The address answered {answer.status_code}.")
            await _save(answer, to, most_bytes)
            return None
        finally:
            await answer.aclose()

    async def _pin(self, url: str) -> tuple[httpx.URL, dict[str, str], dict[str, str]]:
        """The same request, but to the one address that was checked."""
        name, asked = _web_address(url)
        address = await self._resolve(name)
        host = asked.netloc.decode().rpartition("@")[2]
        return asked.copy_with(host=address), {"Host": host}, {"sni_hostname": name}

    async def _resolve(self, host: str) -> str:
        loop = asyncio.get_running_loop()
        try:
            found = await loop.getaddrinfo(host, None, type=socket.SOCK_STREAM)
        except (OSError, UnicodeError):
            raise ProviderUnavailable("The address cannot be reached.") from None
        addresses = [str(entry[4][0]) for entry in found]
        if not self._allow_private and not all(public(address) for address in addresses):
            raise BlockedUrl("The address is in a private network.")
        return addresses[0]


def public(address: str) -> bool:
    """Whether an IP address is one that anybody could reach."""
    ip = ipaddress.ip_address(address.partition("%")[0])
    inner = getattr(ip, "ipv4_mapped", None) or getattr(ip, "sixtofour", None)
    return ip.is_global and not ip.is_multicast and (inner is None or inner.is_global)


def _web_address(url: str) -> tuple[str, httpx.URL]:
    """The name of the host and the address itself, which may be anything that a vendor says."""
    try:
        parts, asked = urlsplit(url), httpx.URL(url)
        name = parts.hostname if parts.scheme in ("http", "https") and parts.port != 0 else None
    except (ValueError, httpx.InvalidURL):
        name = None
    if not name:
        raise BlockedUrl("Only http and https addresses are fetched.")
    return name, asked


async def _save(answer: httpx.Response, to: Path, most_bytes: int) -> None:
    size = 0
    file = await asyncio.to_thread(to.open, "wb")
    try:
        async for block in answer.aiter_bytes(1 << 20):
            size += len(block)
            if size > most_bytes:
                limit = f"{most_bytes / _MEGABYTE:g} MB"
                raise TooLarge(f"What the address holds is too large. The limit is {limit}.")
            await asyncio.to_thread(file.write, block)
    finally:
        await asyncio.to_thread(file.close)
