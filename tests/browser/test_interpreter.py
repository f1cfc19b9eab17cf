"""A student's work in JupyterLab on a built-in pool: the same tests as on our own container."""

from __future__ import annotations

from .test_jupyterlab import (  # noqa: F401 - pytest collects them here, too
    test_a_file_from_beside_the_notebook_is_uploaded_and_read_with_pandas,
    test_a_matplotlib_plot_is_shown_as_an_image,
    test_a_progress_bar_ends_as_one_line,
    test_a_restart_ends_a_cell_that_is_running,
    test_a_traceback_is_shown_in_colour,
    test_cells_show_results_and_execution_counts,
    test_input_and_getpass_are_answered_in_the_cell,
    test_output_appears_while_the_cell_still_runs,
    test_reloading_the_page_finds_the_running_kernel_again,
    test_restarting_the_kernel_empties_the_namespace,
    test_shift_tab_shows_a_docstring,
    test_shutting_down_the_kernel_stops_its_session,
    test_tab_completes_a_name_from_an_earlier_cell,
    test_the_quickstart_notebook_runs_from_top_to_bottom,
    test_the_stop_button_interrupts_a_loop_and_keeps_variables,
)
from .test_widgets import (  # noqa: F401
    test_a_button_prints_into_an_output_box,
    test_a_progress_bar_moves_while_its_cell_runs,
    test_a_slider_is_answered_while_a_cell_runs,
    test_a_slider_moved_after_its_cell_runs_the_handler_in_the_session,
    test_interact_replaces_what_the_function_printed,
)

KIND = "interpreter"
