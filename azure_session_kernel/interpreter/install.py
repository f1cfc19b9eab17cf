"""The entrance: called by the execution that brings these modules."""

from __future__ import annotations

import base64
import json
import platform
from typing import Any

from .history import forget_cells
from .mailbox import Mailbox
from .place import SAYS

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
        forget_cells(shell)
        answer = mailbox.claim(payload)
    except Exception as error:
        python = platform.python_version()
        answer = {"plain": f"{type(error).__name__}: {error}"[:300], "boot": boot, "python": python}
    print(SAYS + json.dumps(answer))
