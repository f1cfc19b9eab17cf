"""What a front end does with a kernel, timed; what comes wrongly ends the benchmark."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from .kernels import Kernel, Message

WITHIN_S = 300.0
ECHO_TARGET = "echo"
ECHO = f"""def echo(comm, _):
    comm.on_msg(lambda message: comm.send({{}}, buffers=message["buffers"]))
get_ipython().kernel.comm_manager.register_target({ECHO_TARGET!r}, echo)"""


@dataclass
class Cell:
    """One cell, in seconds from the moment it was sent; its output by type, in characters."""

    first_output_s: float = 0.0
    over_s: float = 0.0
    characters: Counter[str] = field(default_factory=Counter)
    text: str = ""


def run(
    kernel: Kernel,
    code: str,
    *,
    at_first: Callable[[], None] = lambda: None,
    error: str | None = None,
    attended: bool = False,
) -> Cell:
    """Until reply and idle have come. :param at_first: called at the first output.

    :param error: with which it ends. :param attended: as a person's front end sends it.
    """
    begun = time.perf_counter()
    cell = Cell()
    msg_id = _send(kernel, code, attended)
    for message in _of(kernel, {msg_id}):
        content = message["content"]
        kind = message["msg_type"]
        if kind == "execute_reply" and content.get("ename") != error:
            raise SystemExit(f"{kernel.processes}: {code!r} ended with {content}")
        shown = content.get("data") or ({"stdout": content["text"]} if kind == "stream" else {})
        if shown and not cell.first_output_s:
            cell.first_output_s = time.perf_counter() - begun
            at_first()
        for mime, data in shown.items():
            cell.characters[mime] += len(data)
        if cell.characters.total() < 100_000:
            cell.text += "".join(shown.get(mime, "") for mime in ("stdout", "text/plain"))
    cell.over_s = time.perf_counter() - begun
    return cell


def run_all(kernel: Kernel, cells: int) -> float:
    """All are sent at once; seconds until the last one's idle."""
    begun = time.perf_counter()
    ids = {_send(kernel, f"print({n})"): n for n in range(cells)}
    texts = ["" for _ in ids]
    for message in _of(kernel, set(ids)):
        if message["msg_type"] == "stream":
            texts[ids[message["parent_header"]["msg_id"]]] += message["content"]["text"]
    took_s = time.perf_counter() - begun
    if texts != [f"{n}\n" for n in range(cells)]:
        raise SystemExit(f"{kernel.processes}: Run All printed {texts}")
    return took_s


def interrupted(kernel: Kernel, code: str) -> float:
    """Seconds from the interrupt until the cell is over. It prints when it is to be interrupted."""
    at = 0.0

    def interrupt() -> None:
        nonlocal at
        time.sleep(0.05)  # from its output until it loops or sleeps; nothing tells
        at = time.perf_counter()
        kernel.interrupt()

    run(kernel, code, at_first=interrupt, error="KeyboardInterrupt")
    return time.perf_counter() - at


def completed(kernel: Kernel, code: str, wanted: str) -> float:
    begun = time.perf_counter()
    asked = kernel.send("shell", "complete_request", {"code": code, "cursor_pos": len(code)})
    for message in _of(kernel, {asked}, replied="complete_reply"):
        if message["msg_type"] == "complete_reply":
            took_s = time.perf_counter() - begun
            if wanted not in message["content"]["matches"]:
                raise SystemExit(f"{kernel.processes}: Tab does not offer {wanted}")
    return took_s


def echoed(kernel: Kernel, buffers: list[bytes]) -> float:
    """Seconds for buffers to a comm of the kernel, which sends each back, one by one."""
    comm = {"comm_id": f"echo-{time.monotonic_ns()}", "data": {}}
    kernel.send("shell", "comm_open", {**comm, "target_name": ECHO_TARGET, "data": {}})
    begun = time.perf_counter()
    for buffer in buffers:
        sent = kernel.send("shell", "comm_msg", comm, [buffer])
        for message in _of(kernel, {sent}, replied=""):
            if message["msg_type"] == "comm_msg" and bytes(message["buffers"][0]) == buffer:
                break
        else:
            raise SystemExit(f"{kernel.processes}: a buffer of {len(buffer)} bytes was lost")
    return time.perf_counter() - begun


def _send(kernel: Kernel, code: str, attended: bool = False) -> str:
    content = {"code": code, "silent": False, "store_history": True, "user_expressions": {}}
    content |= {"allow_stdin": attended, "stop_on_error": True}
    return kernel.send("shell", "execute_request", content)


def _of(kernel: Kernel, ids: set[str], replied: str = "execute_reply") -> Any:
    """The messages of these requests, until each has its reply, if it gets one, and its idle."""
    waiting = {(one, what) for one in ids for what in filter(None, ("idle", replied))}
    deadline = time.monotonic() + WITHIN_S
    while waiting:
        message: Message = kernel.receive(deadline - time.monotonic())
        parent = message["parent_header"].get("msg_id")
        if parent not in ids:
            continue
        yield message
        if message["msg_type"] == "status":
            waiting.discard((parent, message["content"]["execution_state"]))
        elif message["msg_type"] == replied:
            waiting.discard((parent, replied))
