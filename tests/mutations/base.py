"""What a deliberate fault is: a place in the code, what stands there instead, who must notice."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Mutation:
    """``old`` stands once in ``file``; of ``tests``, named as pytest does, one must fail."""

    name: str
    file: str
    old: str
    new: str
    tests: tuple[str, ...]
