"""How long a caller wants to wait: the field `wait`, or the header Prefer (RFC 7240)."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass

LONGEST_WAIT = 3600
"""Seconds; whoever prefers to wait longer is answered after as many."""
_SECONDS = re.compile("[0-9]{1,9}")


@dataclass(frozen=True, slots=True)
class Patience:
    """Seconds to wait, or None where nothing was said about it.

    ``applied`` is what is told of the header that said it.
    """

    seconds: float | None
    applied: str | None = None


def patience(wait: float | None, prefer: Iterable[str]) -> Patience:
    """What a request asked for. The field counts for more than the header."""
    if wait is not None:
        return Patience(wait)
    preferences = _preferences(prefer)
    said = []
    seconds = None
    if "respond-async" in preferences:
        said.append("respond-async")
        seconds = 0
    if _SECONDS.fullmatch(preferences.get("wait", "")):
        seconds = min(int(preferences["wait"]), LONGEST_WAIT)
        said.append(f"wait={seconds}")
    return Patience(seconds, ", ".join(said) or None)


def _preferences(headers: Iterable[str]) -> dict[str, str]:
    """Each preference and its value; of one that is said twice the first counts."""
    found: dict[str, str] = {}
    for preference in ",".join(headers).split(","):
        name, _, value = preference.partition(";")[0].partition("=")
        found.setdefault(name.strip().lower(), value.strip().strip('"'))
    return found
