"""What the providers ask for an order, as far as they publish it: read from ``prices.toml``."""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from datetime import date
from functools import cache
from importlib.resources import files

from pydantic import BaseModel, ConfigDict


class Price(BaseModel):
    """One provider's price: ``says`` in words, and ``rates`` in ``unit`` by what they are for."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    unit: str = "credits"
    says: str | None = None
    as_of: date | None = None
    source: str | None = None
    rates: Mapping[str, float] = {}

    def counts_like(self, other: Price) -> bool:
        """Whether a sum in the one is a sum in the other: everybody's credits are their own."""
        return self.unit == other.unit == "USD"

    @property
    def told(self) -> str | None:
        """The words with their date."""
        return f"{self.says} ({self.as_of:%B %Y})" if self.says and self.as_of else self.says


def price_of(provider: str) -> Price:
    """The price of a provider; one without rates where none is published."""
    return _prices().get(provider, Price())


@cache
def _prices() -> Mapping[str, Price]:
    table = tomllib.loads(files(__package__).joinpath("prices.toml").read_text())
    return {name: Price.model_validate(row) for name, row in table.items()}
