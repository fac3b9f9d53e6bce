"""The platforms as one application: what they take, remember and answer."""

from __future__ import annotations

import asyncio
import base64
import hashlib
import json
import random
import re
import time
from collections import Counter
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import av
import httpx
from starlette.datastructures import UploadFile
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response
from starlette.types import Receive, Scope, Send

from tests.media.samples import Recipe, record
from tests.standin.orders import Broken, Fault, File, Order
from tests.standin.sockets import Abortable
from tests.vendors import VENDORS
from tests.vendors.base import HTML, Reply, Scene, Vendor, truncated

PREFIXES = {
    **{url: f"/{urlsplit(url).netloc}" for each in VENDORS for url in each.addresses.values()},
    **{f"https://{urlsplit(put.url).netloc}": "/files" for each in VENDORS for put in each.puts},
}
"""Where the platforms' addresses are found here; what is put somewhere is kept as a file."""
RESULTS = "/files/results/"
ODD_VIDEOS = {
    "mute": Recipe("libx264"),
    "short": Recipe("libx264", "aac", seconds=0.5),
    "long": Recipe("libx264", "aac", seconds=1.5),
    "webm": Recipe("libvpx-vp9", "libopus"),
}
"""Results that are not as they should be, or just as other people's are; by the audio's length."""
RETRY_AFTER = "0.25"
"""Seconds that a 429 asks for, which tests can wait."""


class StandIn:
    """The platforms as an ASGI application.

    A job takes ``seconds``; an upload, an order (before it is accepted, and after) and a download
    take up to ``latency`` seconds more.
    """

    def __init__(self, folder: Path, base_url: str, seconds: float, latency: float = 0.0) -> None:
        self.folder = folder
        self.base_url = base_url
        self.seconds = seconds
        self.latency = latency
        self.files: dict[str, File] = {}
        self.orders: dict[str, Order] = {}
        self.faults: list[Fault] = []
        self.places = 0
        self.strayed_keys: list[str] = []
        self.unknown: list[str] = []

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answer a request, or break its connection."""
        request = Request(scope, receive)
        try:
            response = await self.answer(request)
        except Broken as broken:
            if not broken.hang:
                Abortable.reset(scope["client"])
            while (await receive())["type"] != "http.disconnect":
                pass
        else:
            await response(scope, receive, send)

    async def answer(self, request: Request) -> Response:
        match request.method, request.url.path:
            case "GET", "/_seen":
                return JSONResponse(self.seen())
            case "POST", "/_fault":
                self.faults.append(Fault(**await request.json()))
                return JSONResponse({})
            case "DELETE", "/_fault":
                provider = request.query_params.get("provider")
                self.faults = [f for f in self.faults if provider and f.provider != provider]
                return JSONResponse({})
            case _, path if path.startswith("/files/"):
                return await self._file(request)
        return await self._platform(request)

    def seen(self) -> dict[str, Any]:
        """Everything that arrived. ``paid`` counts the orders of each provider."""
        paid = Counter(order.vendor.name for order in self.orders.values())
        return {
            "orders": [order.described() for order in self.orders.values()],
            "paid": {vendor.name: paid[vendor.name] for vendor in VENDORS},
            "files": [asdict(file) for file in self.files.values()],
            "strayed_keys": self.strayed_keys,
            "unknown": self.unknown,
        }

    async def _platform(self, request: Request) -> Response:
        address = self._real(request)
        for exchange in (exchange for vendor in VENDORS for exchange in vendor.published):
            if (request.method, address) == (exchange.method, exchange.url):
                return rendered(exchange.reply)
        for vendor in VENDORS:
            if not address.startswith(tuple(vendor.origins)):
                continue
            scheme, _, key = request.headers.get("authorization", "").partition(" ")
            if f"{scheme} {{}}" != vendor.auth or not key:
                return rendered(vendor.refusal("401"))
            if found := await self._exchange(vendor, request, address):
                return rendered(found)
        self.unknown.append(f"{request.method} {request.url}")
        return JSONResponse({"detail": "Not Found"}, 404)

    async def _exchange(self, vendor: Vendor, request: Request, address: str) -> Reply | None:
        if request.method == "POST":
            if address in [upload.url for upload in vendor.uploads]:
                return await self._place(vendor, request)
            # What an order asks of the platform besides may stand in the address.
            if address.partition("?")[0] in (vendor.submit.url, *vendor.also_submits):
                return await self._submit(vendor, request, address)
        for job, order in self.orders.items():
            if order.vendor is vendor and job in address:
                return self._about(order, request.method, address.replace(job, vendor.job))
        return None

    async def _place(self, vendor: Vendor, request: Request) -> Reply:
        reply = self._faulty(vendor, "upload", vendor.uploads[0].reply)
        await request.body()
        await self._dawdle()
        self.places += 1
        return self._local(reply, {vendor.token: f"{vendor.token}-{self.places:05}"})

    async def _submit(self, vendor: Vendor, request: Request, address: str) -> Reply:
        accepted = vendor.submit.reply
        fault = self._fault(vendor, "submit")
        if fault != "reset_after_acceptance":
            accepted = self._struck(vendor, fault, accepted)
        if accepted.status >= 400:
            await request.body()
            return accepted
        fields, files = await self._read(vendor, request)
        await self._dawdle()
        job = f"{vendor.name.replace('_', '-')}-{len(self.orders) + 1:05}"
        self.orders[job] = Order(vendor, job, address, fields, files)
        if fault == "reset_after_acceptance":
            raise Broken
        await self._dawdle()
        return self._local(accepted, {vendor.job: job})

    def _about(self, order: Order, method: str, address: str) -> Reply | None:
        vendor = order.vendor
        if vendor.cancel and (method, address) == (vendor.cancel.method, vendor.cancel.url):
            order.canceled = True
            return vendor.cancel.reply
        if method != "GET" or address not in (vendor.status_url, vendor.result_url):
            return None
        stage = "status" if address == vendor.status_url else "result"
        order.checks += stage == "status"
        scene = self._scene(order, self._fault(vendor, stage) if stage == "status" else "")
        reply = scene.status if stage == "status" else scene.result or Reply({}, 404)
        if stage == "result":
            reply = self._faulty(vendor, stage, reply)
        local = {vendor.video_url: f"{self.base_url}{RESULTS}{order.job}.mp4"}
        return self._local(reply, {**local, vendor.job: order.job})

    def _scene(self, order: Order, fault: str) -> Scene:
        vendor, age = order.vendor, time.monotonic() - order.accepted_at
        if fault == "unknown_word":
            return vendor.odd
        if fault in ("no_url", "failed"):
            order.ending = vendor.hollow if fault == "no_url" else vendor.failures[0].scene
        elif fault:
            return Scene(self._struck(vendor, fault, vendor.working[0].status))
        if order.canceled:
            return vendor.fails("Request was cancelled.")
        if order.ending:
            return order.ending
        if age >= self.seconds:
            return vendor.done[0]
        return vendor.working[0] if age > self.seconds / 3 else vendor.queued[0]

    def _fault(self, vendor: Vendor, at: str) -> str:
        """The kind of fault that strikes now, if any."""
        # Which of a platform's models an upload is for, it does not know.
        names = {each.name for each in VENDORS if each.base_url == vendor.base_url}
        meant = names if at in ("upload", "put") else {vendor.name}
        for fault in self.faults:
            if fault.provider in meant and fault.at == at and fault.times > 0:
                fault.times -= 1
                return fault.kind
        return ""

    def _faulty(self, vendor: Vendor, at: str, reply: Reply) -> Reply:
        return self._struck(vendor, self._fault(vendor, at), reply)

    def _struck(self, vendor: Vendor, kind: str, reply: Reply) -> Reply:
        match kind:
            case "":
                return reply
            case "reset_before" | "hang":
                raise Broken(hang=kind == "hang")
            case "html":
                return HTML
            case "truncated":
                return truncated(reply)
            case "429":
                return replace(vendor.refusal(kind), headers={"Retry-After": RETRY_AFTER})
        return vendor.refusal(kind)

    async def _read(self, vendor: Vendor, request: Request) -> tuple[Any, list[File]]:
        """The fields of an order, and the files that came with it, before it, or at its links."""
        if request.headers["content-type"].startswith("multipart/"):
            form = await request.form()
            fields = {name: value for name, value in form.items() if isinstance(value, str)}
            uploads = {n: await v.read() for n, v in form.items() if isinstance(v, UploadFile)}
            return fields, [self._kept(name, data) for name, data in uploads.items()]
        fields = await request.json()
        text = json.dumps(fields)
        if vendor.token:
            tokens = re.findall(_numbered(vendor), text)
            known = [file for file in self.files.values() if any(t in file.address for t in tokens)]
            return fields, known
        links = {name: link for name, link in fields.items() if name.endswith("_url")}
        short = {name: str(value)[:80] for name, value in fields.items()}
        return short, [self._kept(name, await fetched(link)) for name, link in links.items()]

    async def _file(self, request: Request) -> Response:
        """Take an upload, or give out a result."""
        path = request.url.path
        if "authorization" in request.headers:
            self.strayed_keys.append(path)
        if request.method == "PUT":
            return await self._upload(request)
        order = self.orders.get(Path(path).stem) if path.startswith(RESULTS) else None
        if order is None:
            return Response(status_code=404)
        kind = self._fault(order.vendor, "download")
        if kind == "expired":
            order.expired_with = order.checks
        if order.expired_with == order.checks:
            return Response(status_code=403)
        order.downloads += request.method == "GET"
        return await self._result(order, kind)

    async def _upload(self, request: Request) -> Response:
        path = request.url.path
        vendor = next(v for v in VENDORS if v.token and re.search(_numbered(v), path))
        fault = self._faulty(vendor, "put", Reply(b""))
        data = await request.body()
        await self._dawdle()
        if fault.status < 400:
            self.files[path] = self._kept(path, data)
        return rendered(fault)

    async def _result(self, order: Order, kind: str) -> Response:
        await self._dawdle()
        video = await asyncio.to_thread(self._video, order)
        if kind in ODD_VIDEOS:
            return FileResponse(await asyncio.to_thread(self._odd_video, order, kind))
        if kind == "cut":
            return CutOff(video.read_bytes(), media_type="video/mp4")
        if kind:
            return rendered(self._struck(order.vendor, kind, Reply(video.read_bytes())))
        return FileResponse(video, media_type="video/mp4")

    async def _dawdle(self) -> None:
        if self.latency:
            await asyncio.sleep(random.uniform(0, self.latency))

    def _video(self, order: Order) -> Path:
        path = self.folder / f"{order.job}.mp4"
        if not path.exists():
            own = path.with_suffix(".part.mp4")
            record(own, Recipe("libx264", "aac", seconds=sound_seconds(order.files)))
            own.replace(path)
        return path

    def _odd_video(self, order: Order, kind: str) -> Path:
        recipe = ODD_VIDEOS[kind]
        seconds = recipe.seconds * sound_seconds(order.files)
        path = self.folder / f"{order.job}-{kind}.{'webm' if kind == 'webm' else 'mp4'}"
        return record(path, replace(recipe, seconds=seconds))

    def _kept(self, address: str, data: bytes) -> File:
        digest = hashlib.sha256(data).hexdigest()
        path = self.folder / digest
        path.write_bytes(data)
        return File(address, str(path), len(data), digest)

    def _real(self, request: Request) -> str:
        """The address that the request would have at the real platform."""
        path = request.url.path + (f"?{request.url.query}" if request.url.query else "")
        for host, prefix in PREFIXES.items():
            if path.startswith(f"{prefix}/"):
                return host + path.removeprefix(prefix)
        return path

    def _local(self, reply: Reply, changes: Mapping[str, str]) -> Reply:
        """The same answer with addresses here."""
        hosts = {host: self.base_url + prefix for host, prefix in PREFIXES.items()}

        def change(text: str) -> str:
            for old, new in {**changes, **hosts}.items():
                text = text.replace(old, new)
            return text

        return reply.rewritten(change)


class CutOff(Response):
    """An answer whose connection ends in the middle."""

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await send({"type": "http.response.start", "status": 200, "headers": self.raw_headers})
        half = bytes(self.body[: len(self.body) // 2])
        await send({"type": "http.response.body", "body": half, "more_body": True})
        Abortable.reset(scope["client"])


def _numbered(vendor: Vendor) -> str:
    """A pattern of the token in the addresses of one upload."""
    return re.escape(vendor.token) + r"-\d{5}"


def rendered(reply: Reply) -> Response:
    kind = "text/html" if reply is HTML else "application/json"
    return Response(reply.content, reply.status, dict(reply.headers), kind)


async def fetched(link: str) -> bytes:
    """What a link leads to, or what a data URI holds."""
    if link.startswith("data:"):
        return base64.b64decode(link.partition(",")[2])
    async with httpx.AsyncClient() as client:
        return (await client.get(link)).raise_for_status().content


def sound_seconds(files: list[File]) -> float:
    """The length of the audio, which is what came last and has no picture."""
    lengths = []
    for file in files:
        with av.open(file.path) as recording:
            if recording.streams.audio and not recording.streams.video:
                lengths.append((recording.duration or 0) / 1_000_000)
    return lengths[-1] if lengths else 1.0
