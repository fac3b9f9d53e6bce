"""The vendors one by one, and small real files to send them."""

from __future__ import annotations

import hashlib
from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from app.media.probe import probe_audio, probe_face
from app.model import Media, Order
from tests.conformance.platform import Platform, made
from tests.media.samples import SOUNDS, make
from tests.vendors import VENDORS
from tests.vendors.base import Vendor

Sample = Callable[[str], Media]


@pytest.fixture(scope="session")
def media(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The sample of a name, as the gateway knows it."""
    folder = tmp_path_factory.mktemp("media")

    @cache
    def known(name: str) -> Media:
        path = make(folder / f"sample.{name}", name)
        probe = probe_audio if name in SOUNDS else probe_face
        return probe(path, sha256=hashlib.sha256(path.read_bytes()).hexdigest())

    return known


@pytest.fixture(params=VENDORS, ids=lambda vendor: vendor.name)
def vendor(request: pytest.FixtureRequest) -> Vendor:
    found: Vendor = request.param
    return found


@pytest.fixture
def platform(vendor: Vendor) -> Platform:
    return Platform(vendor)


@pytest.fixture
def face(media: Sample) -> Media:
    return media("mp4")


@pytest.fixture
def audio(media: Sample) -> Media:
    return media("mp3")


@pytest.fixture
def order(vendor: Vendor, face: Media, audio: Media, tmp_path: Path) -> Order:
    """A video and a voice, which every provider takes."""
    return made(vendor, face, audio, tmp_path)
