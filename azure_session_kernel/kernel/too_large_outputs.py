"""What a cell is told of a message that is too large to come from the session, or can't be read."""

from __future__ import annotations

from ..common.errors import MessageTooLarge, SessionKernelError, UnexpectedAnswer
from ..transfer.limits import shown
from ..wire import MAX_LINE_BYTES, Message, Oversized

_SAVE = "Save large data to a file in the session, then get it with %download FILE."


def sentence(missing: Oversized) -> str:
    """In place of an output."""
    if missing.reason:
        return f"[A message ({missing.msg_type[:40]}) is missing here: {missing.reason}. {_SAVE}]"
    return (
        f"[A message of {shown(missing.size_bytes)} ({missing.msg_type[:40]}) is missing here: one "
        f"message from the session may have {shown(missing.limit_bytes)}. {_SAVE}]"
    )


def not_passed_on(message: Message, error: Exception) -> Oversized:
    """In place of one that came and could not be sent to the front end."""
    reason = f"it can't be passed on to the notebook ({type(error).__name__})"
    parent, name = message.parent_header, message.msg_type
    size, limit = message.size_bytes, MAX_LINE_BYTES
    return Oversized(0, parent, message.channel, name, size, limit, reason)


def reply_missing(missing: Oversized) -> SessionKernelError:
    """In place of a reply: the request was handled all the same."""
    if missing.reason:
        return UnexpectedAnswer(
            f"The session's {missing.msg_type[:40]} to this can't be read: {missing.reason}. "
            "The code ran, and variables are kept.",
            cause="The reply carries user_expressions and what code in the session adds to it.",
            fix="Leave that out. " + _SAVE,
        )
    if missing.size_bytes <= missing.limit_bytes:
        return MessageTooLarge(
            f"The session's {missing.msg_type[:40]} to this was not kept: nobody had read what the "
            f"session sent, and it keeps {shown(missing.limit_bytes)} of it. The code ran, and "
            "variables are kept.",
            cause="The connection was away for long, while cells showed very much.",
        )
    return MessageTooLarge(
        f"The session's {missing.msg_type[:40]} to this has {shown(missing.size_bytes)}; one "
        f"message from the session may have {shown(missing.limit_bytes)}. The code ran, and "
        "variables are kept.",
        cause="The reply carries user_expressions, a pager's text, and the whole text of an error.",
        fix="Shorten what is in it. " + _SAVE,
    )


def something_missing(missing: Oversized) -> MessageTooLarge:
    """Nothing is known of the message, so it ends whatever waits for one."""
    return MessageTooLarge(
        f"The session sent a message above the limit of {shown(missing.limit_bytes)}, so it was "
        "not read. Whether this cell has finished is not known; variables are kept.",
        cause="One output, or a reply, is too large. An image with the same version of "
        "azure-session-kernel as this kernel leaves it out by itself and says so.",
        fix=_SAVE + " Look at the variables before you run the cell again.",
    )
