"""Takes an order at the door: receives, looks into and refuses, before anything is spent."""

from __future__ import annotations

import asyncio
import json
import secrets
import time
from collections.abc import Mapping
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, Field, StringConstraints, ValidationError
from starlette.requests import Request

from app.addresses import Addresses
from app.api.access import bearer
from app.api.idempotency import claim_of, key_of
from app.api.inputs import check_callback, fetch, refuse_unclear
from app.api.patience import LONGEST_WAIT
from app.api.problems import invalid
from app.api.uploads import MEGABYTE, Form, Slot, drain, receive
from app.archive import Archive
from app.claims import Claim, KeyTaken
from app.errors import IdempotencyKeyReused, InvalidRequest, StorageUnavailable
from app.inspections import Inspections
from app.media.probe import Limits
from app.model import Job, Media, Phase, State
from app.providers import AUTO, Providers
from app.providers.base import Options, Provider
from app.settings import Settings
from app.speech import Script, Speaker, words_of
from app.store import Store

_CROCKFORD = "0123456789ABCDEFGHJKMNPQRSTVWXYZ"
_Url = Annotated[str, StringConstraints(strip_whitespace=True, max_length=2048)]


class OrderFields(BaseModel):
    """The text fields of `POST /lipsync`."""

    provider: str | None = None
    options: dict[str, Any] = {}
    wait: Annotated[float, Field(ge=0, le=LONGEST_WAIT)] | None = None
    max_cost: Annotated[float, Field(ge=0, allow_inf_nan=False)] | None = None
    image_url: _Url | None = None
    audio_url: _Url | None = None
    text: str | None = None
    voice: str | None = None
    callback_url: _Url | None = None


@dataclass(frozen=True, slots=True)
class Taken:
    """A job, and how many seconds its caller wants to wait for it, if it said so."""

    job: Job
    wait: float | None
    replayed: bool = False
    """Whether the job was there before: its order came again under the same key."""


@dataclass(frozen=True, slots=True)
class Counter:
    """Where orders are taken: everything that is asked about one before it becomes a job."""

    settings: Settings
    store: Store
    archive: Archive
    providers: Providers
    inspections: Inspections
    speaker: Speaker
    addresses: Addresses

    async def take(self, request: Request) -> Taken:
        """Make a job of a request, or find the one that its Idempotency-Key stands for.

        Raises an OrderError, ProviderNotConfigured or Overloaded; then nothing is left behind.
        """
        job_id = new_job_id()
        try:
            key = key_of(request)
            folder = await self.archive.open(job_id)
            form = await receive(request, self._slots(folder))
            taken = await self._take(request, job_id, form, key)
        except Exception:
            await self.archive.close(job_id)
            await drain(request)
            raise
        if taken.replayed:
            await self.archive.close(job_id)
        return taken

    def _slots(self, folder: Path) -> dict[str, Slot]:
        return {
            "image": Slot(folder / "face", int(self.settings.max_image_mb * MEGABYTE)),
            "audio": Slot(folder / "audio", int(self.settings.max_audio_mb * MEGABYTE)),
        }

    async def _take(self, request: Request, job_id: str, form: Form, key: str | None) -> Taken:
        fields = _fields(form)
        caller = bearer(request) if self.settings.api_keys else ""
        claim = claim_of(key, caller, form, fields) if key else None
        if claim and (earlier := await self._earlier(claim)):
            return Taken(earlier, fields.wait, replayed=True)
        job = await self._job(request, job_id, form, fields)
        try:
            await self._record(job, claim)
        except KeyTaken:
            # Somebody who sent the same order at the same time was a little faster.
            assert claim is not None
            earlier = await self._earlier(claim)
            assert earlier is not None
            return Taken(earlier, fields.wait, replayed=True)
        return Taken(job, fields.wait)

    async def _record(self, job: Job, claim: Claim | None) -> None:
        """Keep what was sent, and record the job. Raises KeyTaken, and StorageUnavailable."""
        try:
            # Whoever carries the job out may be another process, with another disk.
            await self.archive.keep(job.id, job.face.path, job.audio.path)
            await self.store.add(job, claim, most=self.settings.worker_concurrency)
        except Exception:
            # What went wrong matters more than what is left in a storage that is down.
            with suppress(StorageUnavailable):
                await self.archive.discard(job.id)
            raise

    async def _earlier(self, claim: Claim) -> Job | None:
        """The job that the key stands for already. Raises IdempotencyKeyReused."""
        kept = await self.store.claimed(claim)
        if kept is None:
            return None
        fingerprint, job_id = kept
        if fingerprint != claim.fingerprint:
            raise IdempotencyKeyReused
        return await self.store.find(job_id)

    async def _job(self, request: Request, job_id: str, form: Form, fields: OrderFields) -> Job:
        """What is recorded of an order, once everything in it was found to be in order."""
        text = _text(form, fields)
        voice = self.providers.voice(fields.voice).name if text else None
        provider, others = self._asked(fields.provider, voice)
        options = _options(provider, fields.options)
        script = Script(text, self.providers.own_voice(voice)) if text else None
        if fields.callback_url:
            await check_callback(self.addresses, fields.callback_url)
        await self.store.refuse_if_still_full(self.settings.worker_concurrency)
        urls = {"image": fields.image_url, "audio": fields.audio_url}
        form = await fetch(self.addresses, form, urls, self._slots(self.archive.folder(job_id)))
        face, audio = await self._look_into(form, script)
        return Job(
            id=job_id,
            provider=provider.name,
            state=State.QUEUED,
            phase=Phase.RECEIVED,
            created_at=datetime.now(UTC),
            face=face,
            audio=audio,
            options=options.model_dump(mode="json"),
            base_url=self._base_url(request),
            candidates=tuple(other.name for other in others),
            text=text,
            voice=voice,
            max_cost=fields.max_cost,
            callback_url=fields.callback_url,
        )

    def _asked(self, name: str | None, voice: str | None) -> tuple[Provider, list[Provider]]:
        """The provider to ask, and with `auto` those that may be asked after it."""
        provider = self.providers.choose(name, voice)
        if (name or self.providers.default) == AUTO:
            return provider, self.providers.candidates(voice)[1:]
        self.providers.refuse_voice(provider, voice)
        return provider, []

    async def _look_into(self, form: Form, script: Script | None) -> tuple[Media, Media]:
        limits = Limits(max_seconds=self.settings.max_media_seconds)
        image = form.files["image"]
        # Both are looked into at once, but it is always the image's fault that is told first.
        face = asyncio.create_task(
            self.inspections.face(image.path, sha256=image.sha256, limits=limits)
        )
        audio = asyncio.create_task(self._voice(form, script, limits))
        await asyncio.wait((face, audio))
        for fault in [face.exception(), audio.exception()]:
            if fault:
                raise fault
        return face.result(), audio.result()

    async def _voice(self, form: Form, script: Script | None, limits: Limits) -> Media:
        if script:
            return await self.speaker.wav(script, form.files["image"].path.with_name("audio"))
        sound = form.files["audio"]
        return await self.inspections.audio(sound.path, sha256=sound.sha256, limits=limits)

    def _base_url(self, request: Request) -> str:
        return str(self.settings.public_base_url or request.base_url).rstrip("/")


def new_job_id() -> str:
    """An id that sorts by time and cannot be guessed: a ULID (https://github.com/ulid/spec)."""
    number = (int(time.time() * 1000) << 80) | secrets.randbits(80)
    return "lsj_" + "".join(_CROCKFORD[number >> shift & 31] for shift in range(125, -1, -5))


def _fields(form: Form) -> OrderFields:
    refuse_unclear(form)
    unknown = sorted(set(form.fields) - set(OrderFields.model_fields) - {"image", "audio"})
    if unknown:
        known = ", ".join(("image", "audio", *OrderFields.model_fields))
        raise InvalidRequest(f"There is no field {', '.join(unknown)}. There are: {known}.")
    values: dict[str, Any] = {
        name: text
        for name, text in form.fields.items()
        if text.strip() and name in OrderFields.model_fields
    }
    if "options" in values:
        values["options"] = _json_object(values["options"])
    try:
        return OrderFields.model_validate(values)
    except ValidationError as problem:
        raise invalid(problem.errors()) from None


def _text(form: Form, fields: OrderFields) -> str | None:
    """What is to be said in place of a recording."""
    if "audio" in form.files or fields.audio_url:
        return None
    return words_of(fields.text or "")


def _json_object(text: str) -> dict[str, Any]:
    try:
        value = json.loads(text)
        # What could not be written again, such as NaN and half a character, is no JSON.
        json.dumps(value, allow_nan=False, ensure_ascii=False).encode()
    except (ValueError, RecursionError):
        value = None
    if not isinstance(value, dict):
        raise InvalidRequest('options: This must be a JSON object, such as {"seed": 3}.')
    return value


def _options(provider: Provider, values: Mapping[str, Any]) -> Options:
    unknown = sorted(set(values) - set(provider.options.model_fields))
    if unknown:
        known = ", ".join(provider.options.model_fields)
        raise InvalidRequest(
            f"options: {provider.label} has no option {', '.join(unknown)}. It has: {known}."
        )
    try:
        return provider.options.model_validate(values)
    except ValidationError as problem:
        raise invalid(
            [{**error, "loc": ["body", "options", *error["loc"]]} for error in problem.errors()]
        ) from None
