"""Start and shutdown of both kernels."""

from __future__ import annotations

import pytest

from .case import Case
from .conftest import Both
from .shutdown_cases import SHUTDOWN


@pytest.mark.parametrize("case", SHUTDOWN.cases, ids=str)
def test_both_kernels_start_and_end_alike(both: Both, case: Case) -> None:
    case.check(*both)
