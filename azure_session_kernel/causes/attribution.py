"""Who refused, once it is known whether the pool knows the session: its front, or the container.

A 401, 403, 413, 429 or a redirect can come from either, and what the front says with them is not
published (docs/azure.md 8). The pool's own calls decide: a front that refuses a caller refuses
those, too, and a container answers only once there is a session.
"""

from __future__ import annotations

from dataclasses import replace

from .dialects import REFUSALS
from .evidence import CONTAINER, FRONT, UNKNOWN, Evidence, Reply

MANAGEMENT = "/.management/"
REDIRECTS = (301, 302, 303, 307, 308)
#: Words that are the front's, whoever is asked.
_FRONTS_OWN = ("service", "front-text", "unavailable-page")


def attributed(e: Evidence) -> tuple[Reply, ...]:
    """The replies, each with who gave it as far as all of them tell."""
    return tuple(replace(reply, who=_who(e, reply)) for reply in e.replies)


def is_refusal(status: int | None) -> bool:
    return status is not None and (status in REFUSALS or 300 <= status < 400)


def _who(e: Evidence, reply: Reply) -> str:
    if reply.status is None or reply.who not in (FRONT, UNKNOWN):
        return reply.who
    if e.direct:
        return CONTAINER  # there is nobody else
    managing = reply.probe in ("management", "fixed-identifier")
    if e.endpoint.builtin or managing or not is_refusal(reply.status):
        return reply.who
    if reply.dialect in _FRONTS_OWN:
        return FRONT
    if e.session_known:
        return CONTAINER
    known = e.reply("management")
    same = known is not None and known.status == reply.status
    return FRONT if same or e.session_known is False else reply.who
