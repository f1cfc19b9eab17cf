"""What is true of a kernel process is true of a kernel without one: the same tests, run again."""

from __future__ import annotations

from typing import Any

import pytest

from ..compat.case import Case, difference_between
from ..compat.channel_cases import CHANNELS
from ..compat.comm_cases import COMMS
from ..compat.conftest import Both
from ..compat.message_cases import MESSAGES
from ..compat.normal import Normal
from ..compat.subshell_cases import SUBSHELLS
from ..kernel.test_input import (  # noqa: F401 - pytest collects them here, too
    test_a_cell_that_waits_for_an_answer_can_be_interrupted,
    test_an_answer_that_nobody_asked_for_changes_nothing,
    test_cells_one_after_the_other_get_their_own_answers,
    test_input_asks_with_its_prompt_and_gets_the_answer,
    test_without_stdin_the_error_is_ipykernels_own,
)
from ..kernel.test_interrupt import (  # noqa: F401
    test_a_cell_that_catches_keyboardinterrupt_goes_on_as_it_wants,
    test_a_cell_that_has_only_just_been_sent_is_interrupted,
    test_an_interrupt_of_an_idle_kernel_changes_nothing,
    test_cells_that_wait_behind_an_interrupted_one_do_not_run,
    test_in_a_grader_one_interrupt_is_enough,
    test_the_interrupt_that_jupyter_client_sends_works,
)
from ..kernel.test_outputs import (  # noqa: F401
    test_a_display_of_20_megabytes_arrives,
    test_a_lone_surrogate_arrives_so_that_a_notebook_can_hold_it,
    test_a_message_that_nobody_can_read_is_named_in_its_own_cell,
    test_an_error_aborts_the_cells_that_wait_behind_it,
    test_late_output_of_a_thread_finds_its_own_cell,
    test_outputs_come_before_the_reply_and_the_reply_before_idle,
)


@pytest.mark.parametrize(
    "case", [*MESSAGES.cases, *CHANNELS.cases, *COMMS.cases, *SUBSHELLS.cases], ids=str
)
def test_a_message_has_the_same_effect_as_on_ipykernel(both: Both, case: Case) -> None:
    there, here = (_without_ports(Normal()(case.observe(front))) for front in both)
    if case.difference:
        there, here = case.without(there), case.without(here)
    assert here == there, difference_between(there, here)


def _without_ports(value: Any) -> Any:
    """``connect_reply`` tells them, where there are some."""
    match value:
        case dict():
            return {k: _without_ports(v) for k, v in value.items() if not k.endswith("_port")}
        case list():
            return [_without_ports(item) for item in value]
        case _:
            return value
