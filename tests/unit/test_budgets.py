"""Times that others grant a kernel, against what it allows itself. How long it really takes is
measured by ``benchmarks/compare``.
"""

from __future__ import annotations

from azure_session_kernel.container.boot import REACTION_S
from azure_session_kernel.container.interpreter_host import EXIT_GRACE_S
from azure_session_kernel.emulator.sessions.process import STOP_WITHIN_S
from azure_session_kernel.interpreter.main_thread import LOOK_S as LOOK_IN_SESSION_S
from azure_session_kernel.kernel.interrupts import (
    ANSWER_S,
    ATTENDED_PATIENCE_S,
    DOUBLE_CLICK_S,
    KILL_S,
    LAST_WORDS_S,
    LOOK_S,
    PATIENCE_S,
    REACH_S,
    SENDING_S,
)
from azure_session_kernel.session.closing import RESTART_BUDGET_S, STOP_BUDGET_S

#: docs/design.md rule 8: from an interrupt to the end of the cell, whatever the network does.
A_SECOND = 1.0
#: nbclient's ``iopub_timeout``, as nbgrader has it: from an interrupt to idle.
NBGRADER_S = 4.0
#: jupyter_client sends SIGTERM after half of its 5 s.
SIGTERM_S = 2.5


def test_an_interrupt_that_the_session_does_not_confirm_ends_the_cell_within_a_second() -> None:
    assert SENDING_S < REACH_S < A_SECOND
    assert ANSWER_S <= A_SECOND


def test_a_cell_that_outlives_a_confirmed_interrupt_is_over_in_time_for_nbgrader() -> None:
    assert PATIENCE_S + KILL_S < NBGRADER_S


def test_a_look_at_a_cell_ends_before_its_time_does() -> None:
    assert LOOK_IN_SESSION_S < REACTION_S < LOOK_S < PATIENCE_S < ATTENDED_PATIENCE_S
    assert DOUBLE_CLICK_S < ATTENDED_PATIENCE_S


def test_a_session_is_stopped_or_restarted_before_the_kernel_gets_a_sigterm() -> None:
    assert max(STOP_BUDGET_S, RESTART_BUDGET_S) + 0.2 < SIGTERM_S
    assert LAST_WORDS_S < STOP_BUDGET_S  # of which it takes its part


def test_an_interpreter_that_is_asked_to_exit_has_gone_before_its_pool_loses_patience() -> None:
    assert EXIT_GRACE_S < STOP_WITHIN_S
