"""Gooey.AI on the wire: one multipart order, and a status that also tells of empty accounts."""

from __future__ import annotations

from typing import Any

from app.providers.gooey import Gooey
from tests.vendors.base import Exchange, Failure, Reply, Scene, Vendor

BASE = "https://api.gooey.ai"
STATUS = f"{BASE}/v3/Lipsync/status/?run_id=m0rghxk55xfx"
VIDEO = "https://storage.googleapis.com/dara-c1b52.appspot.com/daras_ai/media/5abbbb76-eb36-11ee-8c54-02420a00014c/gooey.ai%20lipsync.mp4"
RUN = {
    "run_id": "m0rghxk55xfx",
    "web_url": "https://gooey.ai/Lipsync/?run_id=m0rghxk55xfx&uid=fm165fOmucZlpa5YHupPBdcvDR02",
    "created_at": "2026-08-22T10:15:00.123456+00:00",
}
NO_FACE = "It seems like you are not using a human face for the input. This AI tool requires a human face to run the lipsync workflow. Know more [here](https://gooey.ai/docs/guides/lip-sync-animation-generator#id-3akkpf7ao60t). \n\n\nDetails:\n\nError in GPU Task gooey-gpu/wav2lip_gan.pth:wav2lip - ffmpeg\n"  # noqa: E501
LIMIT = "Rate limit reached for Lipsync requests.\n\n Limit: 6 requests in 1m.\n Used: 6 requests.\n Retry after: 41.5s."  # noqa: E501


def run(status: str, seconds: float, detail: str = "", output: Any = None) -> Scene:
    facts = {"run_time_sec": seconds, "status": status, "detail": detail, "output": output}
    return Scene(Reply(RUN | facts))


def broke(status: int, text: str) -> Scene:
    """A run that failed in a way of its own: its status is the error."""
    return Scene(Reply({"detail": RUN | {"run_time_sec": 0.2, "error": text}}, status))


GOOEY = Vendor(
    provider=Gooey,
    job="m0rghxk55xfx",
    submit=Exchange(
        "POST",
        f"{BASE}/v3/Lipsync/async/form/",
        Reply(RUN | {"status_url": STATUS}, 202, {"Location": STATUS}),
    ),
    also_submits=(f"{BASE}/v3/LipsyncTTS/async/form/",),
    status_url=STATUS,
    queued=(run("starting", 0, "Starting..."), run("standby", 0)),
    working=(run("running", 0.8, "Running SD, Low-res (~480p), Fast (Rudrabha/Wav2Lip)..."),),
    odd=run("paused", 0.8),
    done=(
        run(
            "completed",
            34.2,
            output={"output_video": VIDEO, "duration_sec": 7.48, "called_functions": None},
        ),
    ),
    hollow=run("completed", 34.2),
    failures=(
        Failure(run("failed", 9.1, NO_FACE), "no_face", "human face", "unknown"),
        Failure(
            run("failed", 9.1, "the audio is unsupported"),
            "provider_error",
            "the audio is unsupported",
            "unknown",
        ),
        Failure(broke(402, "Insufficient credits"), "out_of_credits", "Insufficient credits", "no"),
        Failure(broke(500, "The GPU is gone."), "provider_error", "The GPU is gone.", "unknown"),
    ),
    video_url=VIDEO,
    refusals={
        "401": Reply({"detail": {"error": "Invalid Authorization header."}}, 401),
        "403_auth": Reply({"detail": {"error": "Invalid API Key."}}, 403),
        "429": Reply({"detail": {"error": LIMIT}}, 429, {"Retry-After": "41.532911"}),
    },
    says=lambda text: {"detail": {"error": text}},
    fails=lambda text: run("failed", 9.1, text),
    unlike={  # an empty account is only noticed once the order was taken, and nothing is rendered
        ("status", "402"): "402 out_of_credits; charged: no",
        ("status", "403_credits"): "402 out_of_credits; charged: no",
    },
)
