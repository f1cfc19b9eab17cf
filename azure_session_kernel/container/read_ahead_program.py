"""The program that reads modules before somebody presses Tab in a cell that uses them.

jedi parses the source of whatever a name may be, which takes seconds for pandas, and keeps what it
has parsed as files. It does so here, so that the interpreter finds these files. A process of its
own, because nothing that could hold up a cell, or stay in its memory, may run in the interpreter;
and one that gets only the time that nobody else wants. It is ended, or stopped, at any moment.

Standard input is one JSON object: ``path``, the interpreter's ``sys.path``, and ``names``, pairs of
a module and a class in it (or none). It prints a line for each that has been read.
"""

from __future__ import annotations

import contextlib
import json
import os
import pickle
import signal
import sys
from pathlib import Path
from typing import Any, Final

#: All its work together, in seconds of CPU time; pandas takes some 20 when nothing is there yet.
LIMIT_CPU_S: Final = 120
#: More memory than this, and it ends. pandas takes some 130 MB.
LIMIT_BYTES: Final = 300 * 1024 * 1024
#: IPython looks at the first of a list only, for 0.4 s.
LOOKED_AT: Final = 40


def main() -> None:
    stand_back()
    asked = json.load(sys.stdin)
    try:
        import jedi  # type: ignore[import-untyped,unused-ignore]
        import parso.cache
        from jedi.api.environment import (  # type: ignore[import-untyped,unused-ignore]
            InterpreterEnvironment,
        )
    except ImportError:  # then Tab does without, too
        return
    keep_whole_files_only(parso.cache)
    project = jedi.Project(Path.cwd(), sys_path=asked["path"])
    for module, of_class in asked["names"]:
        imported = f"from {module} import {of_class}" if of_class else f"import {module}"
        code = f"{imported} as x\nx()." if of_class else f"{imported} as x\nx."
        script = jedi.Script(code, project=project, environment=InterpreterEnvironment())
        with contextlib.suppress(Exception):  # whatever source may hold
            for completion in script.complete()[:LOOKED_AT]:
                _look_at(completion)
        print(module, of_class, flush=True)


def _look_at(completion: Any) -> None:
    """As IPython does for the list that Tab shows: it is these that lead to other files."""
    with contextlib.suppress(Exception):
        if completion.type == "function":
            completion.get_signatures()


def stand_back() -> None:
    """Behind everybody else for CPU time, and before everybody else when memory runs out."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    if sys.platform == "win32":
        return
    os.nice(19)
    if sys.platform == "linux":
        import resource

        resource.setrlimit(resource.RLIMIT_CPU, (LIMIT_CPU_S, LIMIT_CPU_S))
        with contextlib.suppress(OSError):
            os.sched_setscheduler(0, os.SCHED_IDLE, os.sched_param(0))
        with contextlib.suppress(OSError):
            Path("/proc/self/oom_score_adj").write_text("1000")


def keep_whole_files_only(cache: Any) -> None:
    """parso writes a file in place, and a reader of half a file fails: here it is moved there.

    :param cache: the module ``parso.cache``.
    """
    path_of = cache._get_hashed_path
    if not hasattr(cache, "_save_to_file_system"):
        raise SystemExit("this parso saves otherwise")

    def save(grammar: str, path: Any, item: Any, cache_path: Any = None) -> None:
        _end_when_too_large()
        final = path_of(grammar, path, cache_path=cache_path)
        part = f"{final}.{os.getpid()}"
        try:
            Path(part).write_bytes(pickle.dumps(item, pickle.HIGHEST_PROTOCOL))
            os.replace(part, final)  # noqa: PTH105
        except OSError:  # a full disk
            Path(part).unlink(missing_ok=True)
            raise SystemExit from None

    cache._save_to_file_system = save


def _end_when_too_large() -> None:
    with contextlib.suppress(OSError):
        if sys.platform == "win32":
            return
        pages = int(Path("/proc/self/statm").read_text().split()[1])
        if pages * os.sysconf("SC_PAGE_SIZE") > LIMIT_BYTES:
            raise SystemExit


if __name__ == "__main__":
    main()
