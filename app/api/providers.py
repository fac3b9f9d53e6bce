"""Which providers there are, and what each takes."""

from __future__ import annotations

from dataclasses import asdict

from fastapi import APIRouter

from app.api.schemas import ProviderOut, ProvidersOut, TakesOut
from app.providers import Providers, Unconfigured
from app.providers.base import Provider


def routes(providers: Providers) -> APIRouter:
    """The routes under /providers."""
    router = APIRouter(tags=["providers"])

    @router.get("/providers", summary="The providers and their options")
    async def read() -> ProvidersOut:
        """Every provider in order of preference; `configured` ones take orders."""
        return ProvidersOut(
            providers=[
                *(_unconfigured(provider) for provider in providers.unconfigured.values()),
                *(_ready(provider) for provider in providers.ready.values()),
            ],
            default=providers.choose(None).name,
        )

    return router


def _ready(provider: Provider) -> ProviderOut:
    return ProviderOut(
        name=provider.name,
        label=provider.label,
        configured=True,
        takes=TakesOut.model_validate(asdict(provider.takes)),
        options=provider.options.model_json_schema(),
        pricing=provider.pricing,
        can_cancel=provider.can_cancel,
        docs_url=provider.docs_url,
        setup_hint=None,
    )


def _unconfigured(provider: Unconfigured) -> ProviderOut:
    return ProviderOut(
        name=provider.name,
        label=provider.label,
        configured=False,
        takes=None,
        options=None,
        pricing=None,
        can_cancel=False,
        docs_url=None,
        setup_hint=provider.setup_hint,
    )
