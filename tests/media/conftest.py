"""One file of each format, made when the first test asks for it."""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from pathlib import Path

import pytest

from tests.media.samples import make

Sample = Callable[[str], Path]


@pytest.fixture(scope="session")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """The path of the sample of a name."""
    folder = tmp_path_factory.mktemp("samples")
    return cache(lambda name: make(folder / f"sample.{name}", name))
