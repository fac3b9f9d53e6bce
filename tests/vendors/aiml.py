"""AIML API on the wire: no uploads, two words for success, and a 403 for an empty account."""

from __future__ import annotations

from typing import Any

from app.providers.aiml import PixVerse
from tests.vendors.base import Exchange, Failure, Reply, Scene, Vendor

BASE = "https://api.aimlapi.com"
PATH = "/v2/video/generations"
JOB = "z-IMFJo2ORUJBR7OWIqDM"
VIDEO = "https://cdn.aimlapi.com/panda/pixverse%2Fmp4%2Fmedia%2Fweb%2Fori%2FPUQnIoDi49sKyQ48-vAtQ_seed0.mp4"
NO_KEY = "This request requires a valid API key. You can create a new API key on the Billing page: https://aimlapi.com/app/keys"
NO_CREDITS = "You've run out of credits. Please top up your balance or update your payment method to continue: https://aimlapi.com/app/billing/"  # noqa: E501


def made(status: str, **facts: Any) -> Scene:
    return Scene(Reply({"id": JOB, "status": status} | facts))


def says(text: str, status: str = "500") -> dict[str, str]:
    about = {"path": PATH, "requestId": "798b860e-98c2-4e8e-8c50-550bcfc2eccc"}
    return {"message": text, **about, "statusCode": status, "timestamp": "2025-03-11T07:13:27.813Z"}


def fails(text: str) -> Scene:
    return made("error", error={"name": "GenerationError", "message": text})


USED = {"usage": {"credits_used": 120000}}
NO_FACE = "Could not detect face in the image"
WHERE = {"loc": ["body", "image_url"], "input": "https://example.com/landscape.jpg"}
NO_FACE_ERROR = {"detail": [{**WHERE, "msg": NO_FACE, "type": "face_detection_error"}]}

AIML = Vendor(
    provider=PixVerse,
    job=JOB,
    submit=Exchange(
        "POST",
        BASE + PATH,
        Reply({"id": JOB, "status": "queued", "meta": {"usage": {"credits_used": 2000000}}}),
    ),
    status_url=f"{BASE}{PATH}?generation_id={JOB}",
    queued=(made("waiting"), made("queued")),
    working=(made("active"), made("generating")),
    odd=made("upscaling"),
    done=(
        made("succeeded", video={"url": VIDEO}),
        made("completed", video={"url": VIDEO}, error=None, meta=USED),
    ),
    hollow=made("succeeded"),
    failures=(
        Failure(made("error", error=NO_FACE_ERROR), "no_face", NO_FACE, "no"),
        Failure(fails("It broke."), "provider_error", "It broke.", "no"),
        Failure(
            made("failed", error={"name": "GenerationError", "message": "It broke."}),
            "provider_error",
            "It broke.",
            "no",
        ),
    ),
    video_url=VIDEO,
    refusals={
        "401": Reply(says(NO_KEY, "401"), 401),
        "403_credits": Reply(says(NO_CREDITS, "403"), 403),
        "429": Reply(says("Too Many Requests", "429"), 429, {"Retry-After": "41.532911"}),
    },
    says=says,
    fails=fails,
)
