"""fal's sync-lipsync: addresses for jobs leave out the version in the address for orders."""

from __future__ import annotations

from app.providers.fal import FalSyncLipsync
from tests.vendors.fal import fal

FAL_SYNC = fal(
    FalSyncLipsync,
    "fal-ai/sync-lipsync",
    "80e732af-660e-45cd-bd63-580e4f2a94cc",
    {
        "url": "https://v3.fal.media/files/rabbit/6gJV-z7RJsF0AxkZHkdgJ_output.mp4",
        "content_type": "video/mp4",
        "file_name": "lipsync_output.mp4",
        "file_size": 2048576,
    },
    *("v2", "v2/pro", "v3", "v3/image-to-video"),
)
