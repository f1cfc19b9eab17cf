"""What an executor without a live interpreter says to everything that is not a cell.

Empty is what a kernel says that knows nothing; where even that would be a lie, one sentence.
"""

from __future__ import annotations

from typing import Any, Final

from ..wire import Message
from ..wire.composed import output, reply, status

NO_DEBUGGER: Final = "There is no debugger for this kind of pool: it runs whole cells only."
NO_SUBSHELLS: Final = "There are no subshells for this kind of pool: it runs one cell at a time."
NO_USAGE: Final = "This kind of pool does not tell what its interpreter uses."


def answers(request: Message) -> list[Message]:
    """Everything from busy to idle, for any request but ``execute_request``.

    An ``input_reply`` gets none: it is no request. A comm that is opened is closed at once, as
    ipykernel closes a comm whose target it does not know.
    """
    if request.msg_type == "comm_open":
        comm = {"comm_id": request.content.get("comm_id", ""), "data": {}}
        return _between(request, output(request, "comm_close", comm))
    if request.msg_type in ("comm_msg", "comm_close"):
        return _between(request)
    if not request.msg_type.endswith("_request"):
        return []
    return _between(request, reply(request, _content(request)))


def _between(request: Message, *messages: Message) -> list[Message]:
    return [status(request, "busy"), *messages, status(request, "idle")]


def _content(request: Message) -> dict[str, Any]:
    asked = request.content
    match request.msg_type:
        case "complete_request":
            at = asked.get("cursor_pos", 0)
            where = {"cursor_start": at, "cursor_end": at}
            return {"status": "ok", "matches": [], "metadata": {}, **where}
        case "inspect_request":
            return {"status": "ok", "found": False, "data": {}, "metadata": {}}
        case "is_complete_request":
            return _is_complete(str(asked.get("code", "")))
        case "history_request":
            return {"status": "ok", "history": []}
        case "comm_info_request":
            return {"status": "ok", "comms": {}}
        case "debug_request":
            return _debugger_refusal(dict(asked))
        case "create_subshell_request" | "delete_subshell_request" | "list_subshell_request":
            return refusal(NO_SUBSHELLS)
        case "usage_request":
            return refusal(NO_USAGE)
        case _:
            return refusal(f"This kind of pool can't answer a {request.msg_type[:60]}.")


def refusal(sentence: str) -> dict[str, Any]:
    """The content of an error reply."""
    return {
        "status": "error",
        "ename": "NotImplementedError",
        "evalue": sentence,
        "traceback": [sentence],
    }


def _is_complete(code: str) -> dict[str, Any]:
    """Decided here: parsing is not running. IPython's own rules, magics included."""
    # Slow to import, and first needed when somebody types into a console.
    from IPython.core.inputtransformer2 import TransformerManager

    state, indent = TransformerManager().check_complete(code)  # type: ignore[no-untyped-call]
    return {"status": state, **({"indent": " " * (indent or 0)} if state == "incomplete" else {})}


def _debugger_refusal(asked: dict[str, Any]) -> dict[str, Any]:
    """A response of the Debug Adapter Protocol, which is what a debugger's front end looks at."""
    return {
        **refusal(NO_DEBUGGER),
        "type": "response",
        "success": False,
        "command": asked.get("command", ""),
        "request_seq": asked.get("seq", 0),
        "message": NO_DEBUGGER,
    }
