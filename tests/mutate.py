"""Shows that the suite has teeth: ``python -m tests.mutate [WORDS]``.

Breaks a copy of the project in one place at a time (`tests.mutations`) and runs the tests that must
notice. With WORDS only the faults whose names hold them. The exit code is 1 if one is not noticed,
or if the project has changed so that a fault no longer fits.
"""

from __future__ import annotations

import os
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path

from tests.mutations import MUTATIONS
from tests.mutations.base import Mutation

ROOT = Path(__file__).parent.parent
AT_ONCE = 2
LONGEST = 240
"""Seconds that a run of tests may take; one that takes longer has noticed nothing."""
PYTEST = ("-m", "pytest", "-x", "-q", "--tb=no", "-p", "no:randomly", "-p", "no:cacheprovider")
LEFT_OUT = shutil.ignore_patterns(".*", "__pycache__", "data", "build")


@dataclass(frozen=True, slots=True)
class Outcome:
    mutation: Mutation
    caught_by: str
    """The test that failed; empty where none did."""
    seconds: float
    trouble: str = ""
    """Why nothing was shown."""


def main(words: Sequence[str]) -> int:
    """Print the table and the verdict."""
    chosen = [each for each in MUTATIONS if " ".join(words) in each.name]
    with tempfile.TemporaryDirectory() as temporary, ThreadPoolExecutor(AT_ONCE) as lanes:
        folder = Path(temporary)
        # From here on the project may be worked on: what is broken are copies of this copy.
        sound = _copy(ROOT, folder / "sound")
        run = _run(sound, _tests(chosen))
        if run.returncode != 0:
            print(f"Nothing is broken yet, and these tests fail:\n{run.stdout[-2000:]}")
            return 1
        tried = lanes.map(partial(_tried, sound), chosen)
        caught = sum(_noticed(outcome) for outcome in tried)
    print(f"\n{caught} of {len(chosen)} faults were noticed.")
    return caught < len(chosen)


def _noticed(outcome: Outcome) -> bool:
    told = outcome.caught_by or f"SURVIVED {outcome.trouble}".rstrip()
    print(f"{outcome.mutation.name:66}{outcome.seconds:5.1f} s  {told}", flush=True)
    return bool(outcome.caught_by)


def _tests(mutations: Iterable[Mutation]) -> tuple[str, ...]:
    return tuple(dict.fromkeys(test for mutation in mutations for test in mutation.tests))


def _copy(tree: Path, folder: Path) -> Path:
    shutil.copytree(tree, folder, ignore=LEFT_OUT)
    (folder / ".venv").symlink_to((ROOT / ".venv").resolve())
    return folder


def _tried(sound: Path, mutation: Mutation) -> Outcome:
    began = time.monotonic()
    folder = _copy(sound, Path(tempfile.mkdtemp(dir=sound.parent)) / "broken")
    broken = folder / mutation.file
    text = broken.read_text()
    if text.count(mutation.old) != 1:
        return Outcome(mutation, "", 0.0, f"(found {text.count(mutation.old)} times)")
    broken.write_text(text.replace(mutation.old, mutation.new))
    try:
        run = _run(folder, mutation.tests)
    except subprocess.TimeoutExpired:
        return Outcome(mutation, "", time.monotonic() - began, "(the tests did not end)")
    finally:
        shutil.rmtree(folder, ignore_errors=True)
    # A test that cannot even begin has not noticed anything.
    failed = re.search(r"^FAILED \S*?(\w+(?:\[.*?\])?)(?: - |$)", run.stdout, re.MULTILINE)
    caught_by = failed[1] if run.returncode == 1 and failed else ""
    trouble = "" if run.returncode == 0 else f"(pytest ended with {run.returncode})"
    return Outcome(mutation, caught_by, time.monotonic() - began, trouble)


def _run(folder: Path, tests: Iterable[str]) -> subprocess.CompletedProcess[str]:
    python = ROOT / ".venv" / "bin" / "python"
    return subprocess.run(
        [python, *PYTEST, *tests],
        cwd=folder,
        env=os.environ | {"PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        timeout=LONGEST,
        check=False,
    )


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
