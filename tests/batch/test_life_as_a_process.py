"""A kernel without a process begins, loses its session and ends as one with: the same tests."""

from __future__ import annotations

from ..kernel.test_full_pool import (  # noqa: F401 - pytest collects them here, too
    pool,
    test_a_runners_cell_shows_nothing_and_the_log_says_it_in_one_line,
    test_an_interrupt_ends_the_wait_and_the_next_cell_waits_again,
    test_when_the_time_is_up_the_error_fits_the_pool_and_the_next_cell_tries_again,
)
from ..kernel.test_life import (  # noqa: F401
    notebook_env,
    test_a_fixed_identifier_is_used_and_not_shared,
    test_a_killed_interpreter_is_named_and_the_next_cell_works,
    test_a_restart_empties_the_namespace_and_keeps_files_and_session,
    test_a_restart_ends_a_cell_that_runs,
    test_a_session_lost_between_cells_fails_the_next_one_which_does_not_run,
    test_a_session_lost_while_a_cell_runs_ends_the_cell,
    test_a_shutdown_stops_the_session_and_removes_its_lease,
    test_a_shutdown_while_a_cell_runs_stops_the_session,
    test_keep_leaves_the_session_to_the_pool,
    test_two_kernels_do_not_share_a_session,
)
