"""The example notebooks on a built-in pool: the same tests as on our own container."""

from __future__ import annotations

from ..compat.test_widgets_notebook import (  # noqa: F401 - pytest collects them here, too
    executed,
    test_the_notebook_stores_the_same_outputs_and_widget_state_as_on_ipykernel,
    test_the_stored_state_shows_the_widgets_as_they_ended,
)
from ..kernel.test_files_notebook import (  # noqa: F401
    test_the_files_notebook_carries_a_file_there_and_back,
)
from ..test_notebooks import (  # noqa: F401
    pool_env,
    test_a_notebook_shows_what_it_shows_in_ipykernel_and_nothing_else,
)

KIND = "interpreter"
