"""What a front end sees while a request waits for a session of a full pool.

A person's cell has one display that is updated in place and gone once the session is there. A
runner's notebook keeps what it is sent, so it gets nothing, and the kernel's log a line; who is one
says ``Request.is_attended``.
"""

from __future__ import annotations

from typing import Any, Final

from ..common.duration import duration
from ..session.full_pool import NOBODY, Wait, Waiter, clock
from ..session.opening import Opening
from ..session.settings import OPEN_TIMEOUT
from .front_end import FrontEnd
from .magics.display import Display
from .requests import Request


def waiter_of(request: Request, front: FrontEnd, start_s: float) -> Waiter:
    """:param start_s: how long a runner that starts is kept waiting for the first answer.

    Nothing on the shell channel but cells is worth waiting for: they queue behind it.
    """
    if request.message.msg_type == "kernel_info_request" and request.channel == "shell":
        return Waiter(lambda opening: 0.0 if _is_persons(opening) else start_s)
    if request.is_execute:
        person = request.is_attended

        def limit_s(opening: Opening) -> float:
            return opening.settings.open_timeout_of(person=person)

        if not person or request.message.content.get("silent"):
            return Waiter(limit_s)
        notice = request.notice = Notice(front, request)
        return Waiter(limit_s, notice.show, notice.remove)
    return NOBODY


def _is_persons(opening: Opening) -> bool:
    """Before there is a cell: only Jupyter Server says which notebook a kernel is for."""
    return opening.scope.kind == "notebook"


class Notice:
    """The display of one cell, before anything else that the cell shows."""

    def __init__(self, front: FrontEnd, request: Request) -> None:
        self._front, self._request = front, request
        self._display: Display | None = None

    def show(self, wait: Wait) -> None:
        if self._request.over.is_set():
            return
        if self._display is None:
            self._display = Display(self._publish)
        self._display.show_text(text_of(wait))

    def remove(self) -> None:
        """Does nothing when there is none."""
        if self._display is not None and not self._request.over.is_set():
            self._publish("clear_output", {"wait": False})
        self._display = None

    def _publish(self, msg_type: str, content: dict[str, Any]) -> None:
        self._front.publish(msg_type, content, self._request.message.header)


_TEXT: Final = (
    "The session pool is full: {occupancy}.\n"
    "Waiting for a session since {since} ({waited}), at most {limit} ({setting})."
)


def text_of(wait: Wait) -> str:
    return _TEXT.format(
        occupancy=wait.occupancy,
        since=clock(wait.since),
        waited=duration(wait.waited_s),
        limit=duration(wait.limit_s),
        setting=OPEN_TIMEOUT,
    )
