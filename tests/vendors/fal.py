"""fal on the wire: storage, a queue whose COMPLETED only means over, and results by model."""

from __future__ import annotations

import hashlib
from base64 import urlsafe_b64encode
from collections.abc import Mapping
from typing import Any

from nacl.signing import SigningKey

from app.providers.fal_queue import Fal
from tests.vendors.base import KEY, Exchange, Failure, Reply, Scene, Vendor

BASE = "https://queue.fal.run"
PLACE = "https://rest.fal.ai/storage/upload/initiate?storage_type=fal-cdn-v3"
UPLOAD = "https://v3.fal.media/files/upload/invented?signature=x"
STORED = "https://v3.fal.media/files/rabbit/invented_face.mp4"
LOCKED = (
    "User is locked. Reason: Exhausted balance. Top up your balance at fal.ai/dashboard/billing."
)
FLAGGED = (
    "The content could not be processed because it contained material flagged by a content checker."
)


LOGS = [
    {"message": message, "level": "INFO", "source": "USER", "timestamp": "2026-08-22T10:15:00Z"}
    for message in ("Downloading the video", "Lip-syncing: 45%")
]


SIGNER = SigningKey(hashlib.sha256(b"a key for tests").digest())
"""Signs its webhooks."""
KEYS = "https://rest.fal.ai/.well-known/jwks.json"


def coordinate(signer: SigningKey) -> str:
    """The public key, as a set of keys has it."""
    return urlsafe_b64encode(signer.verify_key.encode()).decode().rstrip("=")


def signed(body: bytes, *, at: float, signer: SigningKey = SIGNER) -> dict[str, str]:
    """The headers of a webhook with this body."""
    parts = ("a-request", "a-user", str(int(at)), hashlib.sha256(body).hexdigest())
    return {
        "X-Fal-Webhook-Request-Id": parts[0],
        "X-Fal-Webhook-User-Id": parts[1],
        "X-Fal-Webhook-Timestamp": parts[2],
        "X-Fal-Webhook-Signature": signer.sign("\n".join(parts).encode()).signature.hex(),
    }


def detail(kind: str, message: str) -> dict[str, Any]:
    where = {"loc": ["body", "video_url"], "input": "https://example.com/no_face.mp4"}
    url = f"https://docs.fal.ai/errors/#{kind}"
    return {"detail": [{**where, "msg": message, "type": kind, "url": url}]}


def fal(
    provider: type[Fal], app: str, job: str, video: Mapping[str, object], *others: str
) -> Vendor:
    """One model of fal's; ``app`` is the owner and name of its address, ``others`` its variants."""
    own = f"{BASE}/{app}/requests/{job}"
    known = {"request_id": job, "response_url": own}
    addresses = known | {"status_url": f"{own}/status", "cancel_url": f"{own}/cancel"}

    def waiting(place: int) -> Scene:
        return Scene(Reply(addresses | {"status": "IN_QUEUE", "queue_position": place}, 202))

    def over(result: Reply | None = None, **facts: str) -> Scene:
        return Scene(Reply(known | {"status": "COMPLETED", "logs": None} | facts), result)

    def failed(kind: str, message: str) -> Scene:
        return over(Reply(detail(kind, message), 422))

    no_face = "Could not detect face in the image"
    lost, late = "Runner disconnected", "Request timed out"
    return Vendor(
        provider=provider,
        settings={"FAL_KEY": KEY},
        addresses={"FAL_QUEUE_URL": BASE, "FAL_REST_URL": "https://rest.fal.ai"},
        auth="Key {}",
        job=job,
        token="invented",
        uploads=(Exchange("POST", PLACE, Reply({"upload_url": UPLOAD, "file_url": STORED})),),
        puts=(Exchange("PUT", UPLOAD, Reply(b"")),),
        submit=Exchange("POST", f"{BASE}/{app}", waiting(0).status),
        also_submits=tuple(f"{BASE}/{app}/{other}" for other in others),
        status_url=f"{own}/status?logs=1",
        result_url=own,
        published=(
            Exchange(
                "GET",
                KEYS,
                Reply({"keys": [{"kty": "OKP", "crv": "Ed25519", "x": coordinate(SIGNER)}]}),
            ),
        ),
        cancel=Exchange("PUT", f"{own}/cancel", Reply({"status": "CANCELLATION_REQUESTED"}, 202)),
        queued=(waiting(2),),
        working=(
            Scene(Reply(known | {"status": "IN_PROGRESS", "logs": None}, 202)),
            Scene(Reply(known | {"status": "IN_PROGRESS", "logs": LOGS}, 202)),
        ),
        odd=Scene(Reply(known | {"status": "RESHUFFLED"}, 202)),
        done=(over(Reply({"video": video})),),
        hollow=over(Reply({"video": None})),
        failures=(
            Failure(failed("face_detection_error", no_face), "no_face", no_face, "unknown"),
            Failure(
                failed("content_policy_violation", FLAGGED), "content_policy", FLAGGED, "unknown"
            ),
            Failure(
                failed("file_download_error", "File download error"),
                "input_rejected",
                "File download error",
                "unknown",
            ),
            Failure(
                over(Reply(detail("downstream_service_error", "Downstream service error"), 400)),
                "provider_error",
                "Downstream service error",
                "unknown",
            ),
            Failure(
                over(Reply(detail("internal_server_error", "Out of memory"), 500)),
                "provider_error",
                "Out of memory",
                "unknown",
            ),
            Failure(
                over(Reply({"detail": late, "error_type": "request_timeout"}, 504)),
                "provider_error",
                late,
                "unknown",
            ),
            Failure(
                over(error=lost, error_type="runner_disconnected"),
                "provider_error",
                lost,
                "unknown",
            ),
        ),
        video_url=str(video["url"]),
        refusals={
            "401": Reply({"detail": "No user found for Key ID and Secret"}, 401),
            "403_credits": Reply({"detail": LOCKED}, 403),
        },
        says=lambda text: {"detail": text},
        fails=lambda text: failed("downstream_service_error", text),
    )
