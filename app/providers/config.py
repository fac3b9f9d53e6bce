"""A vendor's settings: its key, and the address of its API."""

from __future__ import annotations

from pathlib import Path

from pydantic import PositiveInt, SecretStr, create_model
from pydantic_settings import BaseSettings

from app.settings import FROM_ENVIRONMENT, RateLimit


class HttpConfig(BaseSettings):
    """What all have in common; a subclass's ``env_prefix`` begins the names of their variables."""

    model_config = FROM_ENVIRONMENT

    api_key: SecretStr | None = None
    api_key_file: Path | None = None
    base_url: str
    concurrency: PositiveInt | None = None
    rate_limit: RateLimit | None = None

    @property
    def key(self) -> str:
        """The key, from its variable or its file; empty when there is none."""
        if self.api_key:
            return self.api_key.get_secret_value().strip()
        return self.api_key_file.read_text().strip() if self.api_key_file else ""


def configuration(env_prefix: str, base_url: str) -> type[HttpConfig]:
    """The settings of a vendor that needs no more than all have."""
    return create_model(
        "Config",
        __base__=HttpConfig,
        __cls_kwargs__={"env_prefix": env_prefix},
        base_url=(str, base_url),
    )
