"""Magic Hour on the wire: places for uploads, projects of two kinds, one way to ask after both."""

from __future__ import annotations

import hmac
from typing import Any

from app.providers.magic_hour import MagicHour
from tests.vendors.base import Exchange, Failure, Reply, Scene, Vendor

BASE = "https://api.magichour.ai"
FILES = "https://videos.magichour.ai/"
VIDEO = "https://videos.magichour.ai/id/output.mp4"


WEBHOOK_SECRET = "a secret of theirs"


def signed(body: bytes, *, at: float, secret: str = WEBHOOK_SECRET) -> dict[str, str]:
    """The headers of a webhook with this body."""
    timestamp = str(int(at))
    message = f"{timestamp}.".encode() + body
    return {
        "magic-hour-event-timestamp": timestamp,
        "magic-hour-event-signature": hmac.digest(secret.encode(), message, "sha256").hex(),
    }


def place(name: str) -> dict[str, str]:
    path = f"api-assets/id/{name}"
    url = f"{FILES}{path}?auth-value=1234567890"
    return {"upload_url": url, "expires_at": "2024-07-25T16:56:21.932Z", "file_path": path}


def project(status: str, credits: int, **facts: Any) -> Scene:
    known = {"id": "cuid-example", "name": "Example Name", "status": status, "type": "LIP_SYNC"}
    size = {"created_at": "2026-08-20T05:10:19.027Z", "width": 512, "height": 960, "enabled": True}
    span = {"start_seconds": 0, "end_seconds": 7.48, "credits_charged": credits, "fps": 30}
    return Scene(Reply(known | size | span | {"error": None, "downloads": []} | facts))


def error(code: str, message: str) -> Scene:
    return project("error", 0, name=None, error={"code": code, "message": message})


PLACES = [place("video.mp4"), place("audio.mp3")]
DOWNLOADS = [{"url": VIDEO, "expires_at": "2024-10-19T05:16:19.027Z"}]
NO_FACE = "Please use an image with a detectable face"
BAD_AUDIO = "'mp4' is an invalid audio extension. Possible extensions are 'mp3, wav, aac, flac, webm, weba, m4a, opus, ogg, oga, aiff, amr'"  # noqa: E501

MAGIC_HOUR = Vendor(
    provider=MagicHour,
    job="cuid-example",
    token="api-assets/id",
    uploads=(Exchange("POST", f"{BASE}/v1/files/upload-urls", Reply({"items": PLACES})),),
    puts=tuple(Exchange("PUT", place["upload_url"], Reply(b"")) for place in PLACES),
    submit=Exchange(
        "POST", f"{BASE}/v1/lip-sync", Reply({"id": "cuid-example", "credits_charged": 450})
    ),
    also_submits=(f"{BASE}/v1/ai-talking-photo",),
    status_url=f"{BASE}/v1/video-projects/cuid-example",
    queued=(project("draft", 0), project("queued", 225)),
    working=(project("rendering", 225),),
    odd=project("polishing", 225),
    done=(project("complete", 187, fps=25, downloads=DOWNLOADS),),
    hollow=project("complete", 187, fps=25),
    failures=(
        Failure(error("no_source_face", NO_FACE), "no_face", NO_FACE, "no"),
        Failure(error("unknown_error", "It broke."), "provider_error", "It broke.", "no"),
        Failure(project("canceled", 0, name=None), "provider_error", "", "no"),
    ),
    video_url=VIDEO,
    refusals={
        "401": Reply({"message": "Unauthorized"}, 401),
        "402": Reply({"message": "Payment required"}, 402),
        "422": Reply({"message": BAD_AUDIO}, 422),
    },
    fails=lambda text: error("unknown_error", text),
    unlike={  # a 403 is about the plan, and the key is known
        ("upload", "403_auth"): "402 plan_required; charged: no",
        ("submit", "403_auth"): "402 plan_required; charged: no",
        ("status", "403_auth"): "402 plan_required; charged: unknown",
    },
)
