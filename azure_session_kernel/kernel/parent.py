"""Whether the process that has started this kernel is still there.

jupyter_client says which one that is in ``JPY_PARENT_PID``: its process id; on Windows, a handle,
because there a process keeps the id of a parent that is gone. ``getppid`` alone tells nothing about
a parent that has ended while this process imported its modules.
"""

from __future__ import annotations

import logging
import os
import sys

log = logging.getLogger(__name__)

#: Orphans are given to it. A kernel whose parent it is by right is not watched, nor by ipykernel.
_INIT = 1


class Parent:
    """:param handle: what ``JPY_PARENT_PID`` says; 0 when nobody watches over this kernel."""

    def __init__(self, handle: int) -> None:
        self._handle = handle
        self._ppid = os.getppid()

    def is_gone(self) -> bool:
        """Quick enough to be asked again and again."""
        if self._handle in (0, _INIT):
            return False
        if sys.platform == "win32":
            return self._is_signalled()
        ppid = os.getppid()
        if ppid == self._handle:
            return False
        # Another parent from the beginning may be a program in between, such as a shell.
        return ppid == _INIT or ppid != self._ppid or not _exists(self._handle)

    def _is_signalled(self) -> bool:
        """A handle that can't be waited for is not asked again."""
        if sys.platform != "win32":
            return False
        import _winapi

        try:
            state = _winapi.WaitForSingleObject(self._handle, 0)
        except OSError as error:
            log.warning("the parent process can't be watched: %s", error.strerror)
            self._handle = 0
            return False
        return state == 0  # WAIT_OBJECT_0


def _exists(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except OSError:
        return True
    return True
