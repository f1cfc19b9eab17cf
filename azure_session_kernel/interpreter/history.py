"""IPython's memory of cells and results, without what somebody else has run."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from typing import Any

UNDERS = ("_", "__", "___")
#: In a cell's metadata: the code of the user's cells since the last one that ran here.
ELSEWHERE = "azure_session_kernel.elsewhere"


def elsewhere(metadata: Any) -> list[str]:
    """Cells that have ended in the kernel itself, such as its own magics."""
    codes = metadata.get(ELSEWHERE) if isinstance(metadata, dict) else None
    return [str(code) for code in codes] if isinstance(codes, list) else []


def count_elsewhere(shell: Any, metadata: Any) -> None:
    """Each has had a number, and has a place in In and in the history."""
    for code in elsewhere(metadata):
        shell.history_manager.store_inputs(shell.execution_count, code)
        shell.execution_count += 1


@contextlib.contextmanager
def results_kept(shell: Any) -> Iterator[None]:
    """What runs meanwhile leaves nothing in ``Out`` or ``_``."""
    hook, out, number = shell.displayhook, shell.user_ns["_oh"], shell.execution_count
    mine = (*UNDERS, f"_{number}")
    # The second says which of the first are IPython's own.
    spaces = [shell.user_ns, shell.user_ns_hidden]
    before = [{name: space[name] for name in mine if name in space} for space in spaces]
    newest = [getattr(hook, name) for name in UNDERS]
    had = number in out
    try:
        yield
    finally:
        for space, values in zip(spaces, before, strict=True):
            for name in mine:
                space.pop(name, None)
            space.update(values)
        for name, value in zip(UNDERS, newest, strict=True):
            setattr(hook, name, value)
        if not had:
            out.pop(number, None)


def forget_cells(shell: Any) -> None:
    """Nothing that has run so far is the user's: the executions that brought these modules, and
    others'. In, Out, ``_i`` and IPython's history begin anew.
    """
    _forget_results(shell)
    history = shell.history_manager
    while len(history.input_hist_raw) > 1:
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
        where, values = "session = ? AND line >= 0", (history.session_number,)
        with history.db:
            history.db.execute(f"DELETE FROM history WHERE {where}", values)  # noqa: S608


def _forget_results(shell: Any) -> None:
    hook, names = shell.displayhook, shell.user_ns
    for number in list(names["_oh"]):
        names.pop(f"_{number}", None)
    names["_oh"].clear()
    for name in UNDERS:
        if names.get(name) is getattr(hook, name):
            names[name] = shell.user_ns_hidden[name] = ""
        setattr(hook, name, "")
