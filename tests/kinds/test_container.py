"""Cell by cell against a local ipykernel: a custom container that runs our adapter."""

from __future__ import annotations

import pytest

from .capability import Capability
from .cases import TABLE
from .conftest import Both

KIND = "container"


@pytest.mark.parametrize("capability", TABLE, ids=str)
def test_it_is_as_on_a_local_ipykernel_or_as_the_table_says(
    both: Both, capability: Capability
) -> None:
    capability.check(KIND, *both)
