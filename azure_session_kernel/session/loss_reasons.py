"""Why a session was lost while nobody used it, and what went with it, as far as can be known."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Any, Final

from ..common.duration import duration
from ..common.errors import SessionLost
from ..common.within import known
from ..executors.base import Executor
from ..executors.log_reader import MAY_HAVE_ENDED
from ..pool.clock import expiry, rfc3339
from ..transfer.uploads import Uploads

#: What is asked of the pool, and of the session that has come in place of the lost one, may take so
#: long: the cell's error waits for it. The latter is opened for the next cell in any case.
ASK_S: Final = 3.0
FILES_S: Final = 10.0
#: By so much the pool's idle time and ours may differ: it counts at its end of the network.
_ABOUT_S: Final = 3.0
#: Of a cooldown that the pool tells as a date.
_PRECISE_S: Final = 60.0
#: Files in an error.
_NAMED: Final = 5

OpenAgain = Callable[[], Awaitable[tuple[Executor, str]]]


async def explain(
    error: SessionLost,
    idle_s: float,
    record: Callable[[], Awaitable[Mapping[str, Any] | None]],
    open_again: OpenAgain,
    uploads: Uploads,
) -> None:
    """Adds it to ``error``. A cause that is known already is left as it is.

    :param idle_s: for how long the pool had no request of that session.
    :param record: asks what the pool says of the one that has come in its place.
    :param open_again: opens that.
    """
    if error.cause in ("", MAY_HAVE_ENDED):
        found = await known(record(), ASK_S)
        error.cause = _why(idle_s, _cooldown_s(found or {}))
    if uploads:
        gone = await known(_gone(open_again, uploads), FILES_S)
        with_files(error, uploads.targets if gone is None else gone)


def _why(idle_s: float, cooldown_s: float | None) -> str:
    """:param cooldown_s: None when the pool does not tell it."""
    idle = f"It was idle for {duration(idle_s)}"
    if cooldown_s is None:
        return f"{MAY_HAVE_ENDED} {idle}."
    if idle_s >= cooldown_s - _ABOUT_S:
        return (
            f"{idle}, and this pool ends a session after {duration(cooldown_s)} without a request "
            "(its cooldown)."
        )
    return (
        f"{idle}, and this pool's cooldown is {duration(cooldown_s)}: its container has failed, or "
        "somebody has stopped it."
    )


def _cooldown_s(record: Mapping[str, Any]) -> float | None:
    """What a session has left from its last request on."""
    ends, last = expiry(record), rfc3339(record.get("lastAccessedAt"))
    if ends is None or last is None:
        return None
    left_s = (ends - last).total_seconds()
    return left_s if left_s < _PRECISE_S else 5.0 * round(left_s / 5)


async def _gone(open_again: OpenAgain, uploads: Uploads) -> list[str]:
    executor, boot = await open_again()
    there = await executor.files(boot).fingerprints(uploads.targets)
    return [target for target in uploads.targets if target not in there]


def with_files(error: SessionLost, names: Sequence[str]) -> SessionLost:
    """``error``, which names uploaded files that went with the session, if any."""
    if names:
        shown = ", ".join(map(repr, names[:_NAMED]))
        more = f" and {len(names) - _NAMED} more" if len(names) > _NAMED else ""
        error.fix += (
            f"\nUploaded files that went with the session: {shown}{more}. This brings them back:\n"
            "%session restore"
        )
    return error
