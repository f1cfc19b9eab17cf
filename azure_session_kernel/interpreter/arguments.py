"""Arguments of a kernel's command line, for an interpreter that runs already."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

#: Sections whose traits make ipykernel's application do something at its start.
_APPLICATION = {"IPKernelApp", "InteractiveShellApp"}


def apply(kernel: Any, arguments: Sequence[str]) -> None:
    """On its main thread, before its first cell. :param arguments: ``--Class.trait=value``."""
    app, shell = kernel.parent, kernel.shell
    app.parse_command_line(list(arguments))
    sections = set(app.cli_config.keys())
    for one in (kernel, shell, *shell.configurables):
        one.update_config(app.cli_config)
    if "HistoryManager" in sections:
        _renew_history(shell)
    if sections & _APPLICATION:
        run_startup_files, app._run_startup_files = app._run_startup_files, lambda: None
        try:  # which have run
            app.init_gui_pylab()
            app.init_extensions()
            app.init_code()
        finally:
            app._run_startup_files = run_startup_files


def _renew_history(shell: Any) -> None:
    """Where it is kept is decided when it is made."""
    old = shell.history_manager
    thread = getattr(old, "save_thread", None)
    if thread is not None:
        thread.stop()
    old.end_session()
    shell.configurables.remove(old)
    shell.init_history()
    shell.init_user_ns()
