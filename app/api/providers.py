"""Which providers there are, and what each takes."""

from __future__ import annotations

from fastapi import APIRouter

from app.api.schemas import ProviderOut, ProvidersOut, TakesOut
from app.model import Takes
from app.providers import AUTO, Providers
from app.providers.base import Provider


def routes(providers: Providers) -> APIRouter:
    """The routes under /providers."""
    router = APIRouter(tags=["providers"])
    default = providers.default
    preferred = providers.candidates()[0].name if default == AUTO else default

    @router.get(
        "/providers",
        summary="The providers and their options",
        response_description="Every provider, whether it is set up or not",
    )
    async def read() -> ProvidersOut:
        """Every provider in order of preference; `configured` ones take orders."""
        listed = [_described(provider) for provider in providers.by_name.values()]
        return ProvidersOut(providers=listed, default=preferred)

    return router


def _described(provider: Provider) -> ProviderOut:
    return ProviderOut(
        name=provider.name,
        label=provider.label,
        configured=provider.setup_hint is None,
        takes=_takes(provider.takes),
        options=provider.options.model_json_schema(),
        pricing=provider.price.told,
        can_cancel=provider.can_cancel,
        docs_url=provider.docs_url,
        setup_hint=provider.setup_hint,
    )


def _takes(takes: Takes) -> TakesOut:
    return TakesOut(
        image=bool(takes.images),
        video=bool(takes.videos),
        formats=sorted(takes.images | takes.videos | takes.audios),
        max_seconds=takes.max_seconds,
        max_bytes=takes.max_bytes,
        max_side=takes.max_side,
    )
