"""The service's own settings, from the environment or `.env`; a provider's stand in its file."""

from __future__ import annotations

from base64 import b64decode
from pathlib import Path
from typing import Annotated, Literal, TypeVar

from limits import RateLimitItem, parse
from pydantic import (
    Field,
    HttpUrl,
    PlainValidator,
    PositiveFloat,
    PositiveInt,
    SecretStr,
    ValidationError,
    field_validator,
)
from pydantic_settings import BaseSettings, NoDecode, SettingsConfigDict

FROM_ENVIRONMENT = SettingsConfigDict(
    env_file=".env", env_ignore_empty=True, extra="ignore", frozen=True
)
Words = Annotated[tuple[str, ...], NoDecode]


def _limit(text: object) -> RateLimitItem:
    try:
        return parse(str(text))
    except ValueError:
        raise ValueError("Input should be like 60/minute") from None


RateLimit = Annotated[RateLimitItem, PlainValidator(_limit)]


class SettingsError(Exception):
    """A setting that cannot work, in one sentence that names its variable."""


class Settings(BaseSettings):
    """What an operator can say about the service; the names are those of the variables."""

    model_config = FROM_ENVIRONMENT

    default_provider: str = "auto"
    provider_order: Words = ()
    lipsync_timeout_seconds: PositiveFloat = 120
    job_timeout_seconds: PositiveFloat = 1800
    data_dir: Path = Path("./data")
    database_url: str | None = Field(default=None, repr=False)
    storage_url: str | None = None
    retention_hours: PositiveFloat = 168
    webhook_secret: SecretStr | None = None
    public_base_url: HttpUrl | None = None
    api_keys: Words = Field(default=(), repr=False)
    cors_allow_origins: Words = ("*",)
    rate_limit: RateLimit | None = None
    max_image_mb: PositiveFloat = 200
    max_audio_mb: PositiveFloat = 100
    max_media_seconds: PositiveFloat = 600
    provider_failover: bool = True
    allow_private_urls: bool = False
    worker_concurrency: PositiveInt = Field(default=500, le=10_000)
    log_level: Literal["DEBUG", "INFO", "WARNING", "ERROR"] = "INFO"
    log_format: Literal["console", "json"] = "console"

    @field_validator("provider_order", "api_keys", "cors_allow_origins", mode="before")
    @classmethod
    def _split(cls, value: object) -> object:
        if isinstance(value, str):
            return tuple(word.strip() for word in value.split(",") if word.strip())
        return value

    @field_validator("webhook_secret")
    @classmethod
    def _strong(cls, secret: SecretStr | None) -> SecretStr | None:
        if secret and not _is_webhook_secret(secret.get_secret_value()):
            raise ValueError("Input should be whsec_ and 24 to 64 random bytes in base64")
        return secret

    @field_validator("log_level", mode="before")
    @classmethod
    def _upper(cls, value: object) -> object:
        return value.upper() if isinstance(value, str) else value


def _is_webhook_secret(text: str) -> bool:
    """Whether it is one by the rules of Standard Webhooks."""
    prefix, _, code = text.partition("_")
    try:
        return prefix == "whsec" and 24 <= len(b64decode(code, validate=True)) <= 64
    except ValueError:
        return False


S = TypeVar("S", bound=BaseSettings)


def read(kind: type[S]) -> S:
    """Read one group of settings. Raises SettingsError for the first that cannot work."""
    try:
        return kind()
    except ValidationError as problem:
        first = problem.errors()[0]
        variable = "_".join(str(part) for part in first["loc"]).upper()
        raise SettingsError(f"{variable}: {first['msg']}.") from None
