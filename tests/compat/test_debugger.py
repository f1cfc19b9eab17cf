"""A debugging session on both kernels, as JupyterLab leads it."""

from __future__ import annotations

import pytest

from .case import Case
from .conftest import Both
from .debugger_cases import DEBUGGER


@pytest.mark.parametrize("case", DEBUGGER.cases, ids=str)
def test_the_debugger_does_the_same_on_both_kernels(both: Both, case: Case) -> None:
    case.check(*both)
