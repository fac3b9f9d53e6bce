"""The deliberate faults still fit the code that they break."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.mutations import MUTATIONS
from tests.mutations.base import Mutation

ROOT = Path(__file__).parent.parent


@pytest.mark.parametrize("fault", MUTATIONS, ids=lambda fault: fault.name)
def test_a_deliberate_fault_has_one_place(fault: Mutation) -> None:
    assert (ROOT / fault.file).read_text().count(fault.old) == 1
    assert fault.new != fault.old


def test_a_deliberate_fault_has_a_name_of_its_own() -> None:
    names = [fault.name for fault in MUTATIONS]
    assert sorted(names) == sorted(set(names))
