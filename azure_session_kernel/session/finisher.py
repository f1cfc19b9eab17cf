"""``python -m azure_session_kernel.session.finisher``: stops the session of a kernel that is gone.

Started by ``handover.py``, which says what it is given. Most kernels come to an end by themselves,
so it imports nothing before it knows that it is needed; and it never lives for long.
"""

import json
import os
import sys
import threading
from typing import Any

#: From its start, whatever it waits for.
LIMIT_S = 60.0


def main() -> None:
    over = threading.Timer(LIMIT_S, os._exit, (1,))
    over.daemon = True
    over.start()
    job = sys.stdin.buffer.readline()
    unsure = sys.stdin.buffer.read()  # ends with the kernel
    if job:
        _finish(json.loads(job), unsure=bool(unsure))


def _finish(job: dict[str, Any], *, unsure: bool) -> None:
    if not os.path.exists(job["record"]):  # noqa: PTH110 - pathlib is one of the imports
        return
    from ..common.unused import leave_out_unused

    leave_out_unused()
    import asyncio

    from .reaper import finish

    asyncio.run(finish(job, unsure=unsure))


if __name__ == "__main__":
    main()
