"""The entrance: called by the execution that brings these modules."""

from __future__ import annotations

import base64
import contextlib
import json
import platform
from typing import Any

from .mailbox import Mailbox
from .place import MARK, SAYS, is_ours

#: What this life of the interpreter is called, also when it has no mailbox.
boot = ""


def install(text: str) -> None:
    """Says in one line how it went: the boot, or why there is only plain text here."""
    global boot
    payload = json.loads(base64.b64decode(text))
    boot = payload["boot"]
    try:
        from IPython import get_ipython

        shell: Any = get_ipython()
        mailbox = Mailbox(shell.kernel, boot)
        pool_request = shell.kernel.get_parent("shell")["header"]["msg_id"]
        mailbox.tap.wrappers[pool_request] = None
        _forget_cells(shell)
        answer = mailbox.claim(payload)
    except Exception as error:
        python = platform.python_version()
        answer = {"plain": f"{type(error).__name__}: {error}"[:300], "boot": boot, "python": python}
    print(SAYS + json.dumps(answer))


def _forget_cells(shell: Any) -> None:
    """Take the executions that brought this module out of In, ``_i`` and the history."""
    history = shell.history_manager
    while history.input_hist_raw and is_ours(history.input_hist_raw[-1]):
        number = len(history.input_hist_raw) - 1
        for inputs in (history.input_hist_raw, history.input_hist_parsed):
            inputs.pop()
        shell.user_ns.pop(f"_i{number}", None)
        history._i00, history._i, history._ii, history._iii = (
            history._i,
            history._ii,
            history._iii,
            "",
        )
        shell.execution_count -= 1
    shell.user_ns.update(_i=history._i, _ii=history._ii, _iii=history._iii)
    with contextlib.suppress(Exception):
        # Else the next cell of this number would be a conflict in IPython's database.
        history.writeout_cache()
        where = "session = ? AND line >= ? AND source_raw LIKE ?"
        values = (history.session_number, shell.execution_count, "%" + MARK + "%")
        with history.db:
            history.db.execute(f"DELETE FROM history WHERE {where}", values)  # noqa: S608
