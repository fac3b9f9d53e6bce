"""fal's own older lipsync model."""

from __future__ import annotations

from app.providers.fal import FalLipsync
from tests.vendors.fal import fal

FAL_LIPSYNC = fal(
    FalLipsync,
    "fal-ai/lipsync",
    "764cabcf-b745-4b3e-ae38-1200304cf45b",
    {
        "url": "https://v3.fal.media/files/invented/out.mp4",
        "content_type": "video/mp4",
        "file_name": "out.mp4",
        "file_size": 4404019,
    },
)
