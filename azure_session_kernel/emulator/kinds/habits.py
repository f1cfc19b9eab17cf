"""Ways in which somebody else's pool differs from the one that this kernel was written against.

Each was seen in a program of others; docs/pools.md names the sources, and what the kernel does.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final

#: By kind of pool, and by name.
HABITS: Final[Mapping[str, Mapping[str, str]]] = {
    "interpreter": {
        "decode-names": "decodes names of files twice",
        "health-check": "runs 1+1 in the kernel every 15 s; health-check=S: every S seconds",
    },
    "oneshot": {
        "one-text": 'answers with {"output"} and nothing else',
        "lists": "gives texts as lists of lines without their ends",
        "traceback-400": "answers a cell that fails with 400 and its traceback",
        "traceback-500": "answers a cell that fails with 500 and its traceback",
        "code-field": 'takes {"code"}, and answers anything else with 422 and what was sent',
        "timeout-in-stderr": "gives stdout and stderr only, and tells of a time-out in stderr",
    },
}
HEALTH_CHECK_S: Final = 15.0
