"""The sample portrait, for whoever has no photo at hand."""

from __future__ import annotations

import importlib.util
from pathlib import Path

from app.errors import OperatorError


def sample_photo() -> Path:
    """A portrait of Grace Hopper, in the public domain, which matplotlib carries."""
    return packaged("matplotlib", "mpl-data/sample_data/grace_hopper.jpg")


def packaged(package: str, file: str) -> Path:
    """A file or folder that a package carries, found without importing the package.

    Raises OperatorError where the package is not installed.
    """
    spec = importlib.util.find_spec(package)
    if spec is None or spec.origin is None:
        raise OperatorError(f"The package {package} is not installed: run `make install`.")
    return Path(spec.origin).parent / file
