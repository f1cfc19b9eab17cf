"""Between a kernel and its sockets: what belongs to our requests goes to the log instead.

Everything that belongs to the pool's own request, which carried ours, passes untouched.
"""

from __future__ import annotations

import os
from collections import OrderedDict
from typing import Any

from .log import Log
from .packing import let_any_text_pass, read
from .place import payload_of

REMEMBERED = 100_000
CHANNELS = {"usage_reply": "control", "input_request": "stdin"}


class Tap:
    """:ivar seen: the ``msg_id`` of every message that was handled, or is being.
    :ivar wrappers: the pool's requests that carried them.
    :ivar last: routing prefix and message of the user's newest request.
    :ivar replied: whether the running cell's reply has been sent.
    """

    def __init__(self, kernel: Any, log: Log) -> None:
        self.kernel, self.log, self.pid = kernel, log, os.getpid()
        self.seen: OrderedDict[str, None] = OrderedDict()
        self.wrappers: OrderedDict[str, None] = OrderedDict()
        self.last: tuple[Any, dict[str, Any]] | None = None
        self.replied = False
        let_any_text_pass()
        self.set_parent, kernel.set_parent = kernel.set_parent, self.on_set_parent
        self.send, kernel.session.send = kernel.session.send, self.on_send
        thread = getattr(kernel, "iopub_thread", None)
        if thread is not None:
            self._forward, thread.send_multipart = thread.send_multipart, self.on_forwarded

    def is_new(self, message: dict[str, Any]) -> bool:
        """Whether it was never seen before; from now on it was."""
        msg_id = message["header"]["msg_id"]
        if msg_id in self.seen:
            return False
        self.seen[msg_id] = None
        if len(self.seen) > REMEMBERED:
            self.seen.popitem(last=False)
        return True

    def on_set_parent(self, ident: Any, parent: Any, channel: str = "shell") -> None:
        """The streams stay with the user's last cell, so that late output finds it."""
        if channel == "shell" and payload_of(parent) is not None:
            self.wrappers[parent["header"]["msg_id"]] = None
            while len(self.wrappers) > 1000:
                self.wrappers.popitem(last=False)
            self.set_kernel_parent(ident, parent)
        else:
            self.set_parent(ident, parent, channel)

    def set_kernel_parent(self, ident: Any, parent: Any) -> None:
        from ipykernel.kernelbase import Kernel

        Kernel.set_parent(self.kernel, ident, parent, "shell")  # type: ignore[no-untyped-call]

    def tell(self, channel: str, msg_type: str, content: Any, header: dict[str, Any]) -> None:
        message = self.kernel.session.msg(msg_type, content)
        self._keep(channel, {**message, "parent_header": header})

    def _keep(self, channel: str, message: dict[str, Any], buffers: Any = ()) -> None:
        """Packed as for the kernel's own sockets, where it may raise what ipykernel raises."""
        self.log.add(channel, self.kernel.session.serialize(message)[-4:], buffers)

    # -- what the kernel sends --------------------------------------------------------------------

    def on_send(
        self,
        stream: Any,
        msg_or_type: Any,
        content: Any = None,
        parent: Any = None,
        ident: Any = None,
        buffers: Any = None,
        track: bool = False,
        header: Any = None,
        metadata: Any = None,
    ) -> Any:
        built = not isinstance(msg_or_type, str)
        found = msg_or_type.get("parent_header") if built else parent
        parent_header = (found or {}).get("header", found) or {}
        msg_type = msg_or_type["header"]["msg_type"] if built else msg_or_type
        ours = self._header_for(msg_type, parent_header) if os.getpid() == self.pid else None
        if ours is None:
            return self.send(
                stream, msg_or_type, content, parent, ident, buffers, track, header, metadata
            )
        message = msg_or_type if built else self.kernel.session.msg(
            msg_type, content, parent=parent, header=header, metadata=metadata
        )  # fmt: skip
        channel = CHANNELS.get(msg_type) or ("shell" if msg_type.endswith("_reply") else "iopub")
        buffers = buffers or (message.get("buffers") if built else None)
        if msg_type == "execute_reply":
            self.replied = True
        self._keep(channel, {**message, "parent_header": ours}, buffers or ())
        return message

    def _header_for(self, msg_type: str, parent_header: Any) -> dict[str, Any] | None:
        """The parent under which the message goes to the mailbox; None: it is the pool's."""
        msg_id = parent_header.get("msg_id")
        if msg_id in self.seen:
            return dict(parent_header)
        if msg_type in ("status", "execute_input") or msg_type.endswith("_reply"):
            return None
        if msg_id is None or msg_id in self.wrappers:
            return dict(self.last[1]["header"]) if self.last is not None else None
        return None

    def on_forwarded(self, frames: Any, *args: Any, **options: Any) -> None:
        """Messages on their way to ZeroMQ. Those of forked processes are met only here."""
        start = frames.index(b"<IDS|MSG>") + 2 if b"<IDS|MSG>" in frames else len(frames)
        parts = frames[start : start + 4]
        parent = read(parts[1]) if len(parts) == 4 else None
        if parent and parent.get("msg_id") in self.seen and os.getpid() == self.pid:
            unread = "it is no JSON that can be read" if None in map(read, parts) else ""
            self.log.add("iopub", parts, frames[start + 4 :], unread)
        else:
            self._forward(frames, *args, **options)
