"""What users are told of one-shot pools, in one place."""

from __future__ import annotations

from typing import Any, Protocol

from ...common.errors import Interrupted, SessionLost


class Known(Protocol):
    """What is known of the pool; as ``OneShotPool``."""

    @property
    def api(self) -> object: ...

    @property
    def keeps(self) -> bool | None: ...

    @property
    def takes_stdin(self) -> bool: ...


def rows(pool: Known, *, env: bool) -> list[tuple[str, str]]:
    """For ``%session``."""
    kept = "not kept: each cell runs in a new Python process"
    stdin = "not possible: this pool passes no standard input on"
    found = [
        ("runs cells by", str(pool.api)),
        ("variables", "kept between cells" if pool.keeps else kept),
        (
            "input()",
            "from %%stdin, or asked for before the cell is sent" if pool.takes_stdin else stdin,
        ),
        ("outputs", "appear when the cell ends; text only, and the last value's repr"),
    ]
    if env:
        found.append(("AZURE_SESSION_ENV", "not passed on: this kind of pool has no way to"))
    return found


def interrupted(sent: bool, stopped: bool | None, keeps: bool | None) -> Interrupted:
    if not sent:
        return Interrupted("The cell was interrupted before it was sent. It has not run.")
    if stopped:
        return Interrupted(
            "The cell was interrupted: its session was stopped, and the cell with it. "
            "No variables were lost, because this pool keeps none between cells.",
        )
    return Interrupted(
        "The cell was interrupted: its answer is not waited for any longer, but the pool has not "
        "confirmed that its session was stopped, so it may still be running there.",
        fix="Run a cell that looks at the variables before you go on." if keeps else "",
    )


def lost() -> SessionLost:
    return SessionLost(
        "The session was replaced by a fresh, empty one: all variables are gone. "
        "This cell was not run.",
        cause="The pool ended the session (cooldown, or its container failed).",
        fix="Run the notebook again from its first cell (Run > Run All Cells).",
    )


def language_info(version: str) -> dict[str, Any]:
    return {
        "name": "python",
        "version": version or "3",
        "mimetype": "text/x-python",
        "codemirror_mode": {"name": "ipython", "version": 3},
        "pygments_lexer": "ipython3",
        "nbconvert_exporter": "python",
        "file_extension": ".py",
    }
