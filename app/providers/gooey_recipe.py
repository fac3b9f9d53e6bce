"""What Gooey.AI's lip-sync recipe lets one choose, and how it is told."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from app.providers.base import Options

VOICES = ("Alloy", "Ash", "Coral", "Echo", "Sage", "Shimmer", "Nova", "Onyx", "Fable")
"""OpenAI's, as Gooey.AI offers them to free accounts, too, and at no extra cost."""
Padding = Field(0, ge=0, le=500, description="pixels around the face (Wav2Lip)")


class SadTalker(BaseModel):
    """How SadTalker animates; the fields and their defaults are Gooey.AI's."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    still: bool = True
    preprocess: Literal["crop", "extcrop", "resize", "full", "extfull"] = "resize"
    pose_style: int = Field(0, ge=0, le=45)
    expression_scale: float = 1.0
    ref_eyeblink: str | None = None
    ref_pose: str | None = None


class GooeyOptions(Options):
    """What Gooey.AI's recipe lets one choose."""

    lipsync_model: Literal["Wav2Lip", "SadTalker"] = Field(
        "Wav2Lip",
        validation_alias=AliasChoices("lipsync_model", "selected_model"),
        serialization_alias="selected_model",
        description="Wav2Lip is fast and about 480p; SadTalker is slow and up to 1080p",
    )
    face_padding_top: int = Padding
    face_padding_bottom: int = Padding
    face_padding_left: int = Padding
    face_padding_right: int = Padding
    sadtalker_settings: SadTalker = SadTalker()
    retention_policy: Literal["keep", "delete"] = "keep"


def recipe(options: BaseModel) -> dict[str, Any]:
    """Everything is said: what is left out comes from an example that Gooey.AI may change."""
    told = options.model_dump(by_alias=True, exclude_none=True)
    told["settings"] = {"retention_policy": told.pop("retention_policy")}
    if told["selected_model"] != "SadTalker":
        del told["sadtalker_settings"]
    return told


def speech(text: str, voice: str) -> dict[str, str]:
    """What the recipe that also speaks is told, on top of the one that moves the lips."""
    return {
        "text_prompt": text,
        "tts_provider": "OPEN_AI",
        "openai_tts_model": "tts_1",
        "openai_voice_name": voice.lower(),
    }
