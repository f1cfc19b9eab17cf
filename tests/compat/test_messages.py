"""Messages, comms and subshells on both kernels."""

from __future__ import annotations

import pytest

from .burst_cases import BURSTS
from .case import Case
from .channel_cases import CHANNELS
from .comm_cases import COMMS
from .conftest import Both
from .message_cases import MESSAGES
from .subshell_cases import SUBSHELLS


@pytest.mark.parametrize("case", MESSAGES.cases, ids=str)
def test_a_message_has_the_same_effect_on_both_kernels(both: Both, case: Case) -> None:
    case.check(*both)


@pytest.mark.parametrize("case", CHANNELS.cases, ids=str)
def test_every_channel_answers_as_ipykernel_does(both: Both, case: Case) -> None:
    case.check(*both)


@pytest.mark.parametrize("case", COMMS.cases, ids=str)
def test_comms_are_the_same_on_both_kernels(both: Both, case: Case) -> None:
    case.check(*both)


@pytest.mark.parametrize("case", SUBSHELLS.cases, ids=str)
def test_subshells_are_the_same_on_both_kernels(both: Both, case: Case) -> None:
    case.check(*both)


@pytest.mark.parametrize("case", BURSTS.cases, ids=str)
def test_a_burst_of_cells_is_the_same_on_both_kernels(both: Both, case: Case) -> None:
    case.check(*both)
