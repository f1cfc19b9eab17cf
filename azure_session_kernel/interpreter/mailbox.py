"""Executions that carry Jupyter messages, handled by the kernel's own handlers."""

from __future__ import annotations

import base64
import contextlib
import inspect
import json
import os
import platform
import sys
import time
from typing import Any

from .arguments import apply
from .arrivals import Arrivals
from .files import FILES, use_files
from .history import count_elsewhere, forget_cells, results_kept
from .log import LONGEST_WINDOW_S, WINDOW_S, Log
from .packing import pack
from .place import SAYS, Place, bases, payload_of, work_in
from .tap import Tap

#: How often an answer to ``input()`` is looked for.
ANSWER_S = 0.02


class Mailbox:
    """Hooked into one ipykernel for the rest of its life. :ivar boot: what this life is called."""

    def __init__(self, kernel: Any, boot: str) -> None:
        self.kernel, self.boot, self.reader = kernel, boot, ""
        self.log = Log()
        self.backlog = self.log.backlog
        self.tap = Tap(kernel, self.log)
        self.arrivals = Arrivals(self.tap, self._handle)
        self._places: dict[tuple[int, str], Place] = {}
        self._env: dict[str, str | None] = {}
        self._configured = False
        self.folder = ""
        self._execute = kernel.shell_handlers["execute_request"]
        kernel.shell_handlers["execute_request"] = self.on_execute_request
        self._ask, kernel._input_request = kernel._input_request, self.on_input_request

    async def on_execute_request(self, stream: Any, ident: Any, parent: Any) -> None:
        payload = payload_of(parent)
        if payload is None:
            await self._run_others(stream, ident, parent)
            return
        count = self.kernel.execution_count
        self.kernel._publish_execute_input(parent["content"]["code"], parent, count)
        try:
            answer = await self._take(payload, stream, ident)
        except (Exception, KeyboardInterrupt) as error:
            answer = {"failed": f"{type(error).__name__}: {error}"[:300]}
        self.arrivals.active.clear()
        self.tap.set_kernel_parent(ident, parent)
        said = {"name": "stdout", "text": SAYS + json.dumps(answer) + "\n"}
        iopub = self.kernel.iopub_socket
        self.tap.send(iopub, "stream", said, parent=parent, ident=b"stream.stdout")
        content = {"status": "ok", "execution_count": count, "user_expressions": {}, "payload": []}
        self.tap.send(stream, "execute_reply", content, parent, ident=ident)

    async def _run_others(self, stream: Any, ident: Any, parent: Any) -> None:
        """Somebody else's cell, the health check of a proxy for instance, is none of the user's.

        Without folder there is no mailbox, and the user's own cells come this way.
        """
        if self.arrivals.place is None:
            await self._execute(stream, ident, parent)
            return
        content = {**parent["content"], "store_history": False}
        with results_kept(self.kernel.shell):
            await self._execute(stream, ident, {**parent, "content": content})
        if self.tap.last is not None:  # what a thread of the user's prints belongs to their cell
            self.tap.set_parent(*self.tap.last, "shell")
            self.tap.set_kernel_parent(ident, parent)

    async def _take(self, payload: dict[str, Any], stream: Any, ident: Any) -> dict[str, Any]:
        if payload["do"] == "setup":
            return self.claim(payload)
        if payload["boot"] != self.boot:
            return {"refused": "boot"}
        if payload["reader"] != self.reader:
            return {"refused": "taken"}
        place = self._settle_in(payload)
        self.backlog.forget(payload["read"])
        self.log.window_s = min(max(WINDOW_S, payload.get("window", 0)), LONGEST_WINDOW_S)
        if payload["do"] == "exit":
            os._exit(0)
        messages = payload.get("messages", [])
        if "file" in payload:
            messages = place.take(payload["file"])
        if payload["do"] in FILES:
            if messages is not None:
                use_files(place, payload["do"], messages, payload["into"])
            return {"came": messages is not None}
        began = f"began-{payload.get('name')}"
        with contextlib.suppress(OSError):
            place.write(began, b"{}")  # a crash may be faster than the log
        self.arrivals.active.set()
        for message in messages or ():
            if self.tap.is_new(message):
                await self._handle(message, stream, ident)
        self.arrivals.look()
        self.log.flush()
        place.remove(began)
        return {
            "name": payload.get("name"),
            "chunk": self.backlog.chunk,
            "n": self.backlog.n,
            "problem": self.backlog.problem,
            "execution_count": self.kernel.execution_count - 1,
            "came": messages is not None,
        }

    # -- whose interpreter this is, and where its files are ---------------------------------------

    def claim(self, payload: dict[str, Any]) -> dict[str, Any]:
        """A kernel begins to use this interpreter; an earlier one can't any longer.

        Our hello lies in every folder into which the pool's file API may look.
        """
        self.reader = payload["reader"]
        self._set_environment(payload["env"])
        refused = self._take_arguments(payload.get("arguments", []))
        if self.arrivals.place is None:
            self.folder = payload.get("folder", "")
        self.log.flush()
        self._places = {}
        for number, base in enumerate(bases()):
            for layout in ("folder", "flat"):
                place = Place(base, layout, self.boot)
                hello = {**self._hello(), "base": number, "layout": layout}
                if layout == "flat":  # the pool's file API knows no folders
                    hello["folder"] = ""
                with contextlib.suppress(OSError):
                    place.write("hello", pack(hello))
                    self._places[number, layout] = place
        return {"boot": self.boot, "python": platform.python_version(), "arguments": refused}

    def _hello(self) -> dict[str, Any]:
        return {
            "boot": self.boot,
            "reader": self.reader,
            "chunk": self.backlog.chunk,
            "n": self.backlog.n,
            "oldest": self.backlog.oldest(),
            "execution_count": max(0, len(self.kernel.shell.history_manager.input_hist_raw) - 1),
            "folder": self.folder,
            "info": {**self.kernel.kernel_info, "supported_features": []},
        }

    def _take_arguments(self, arguments: list[str]) -> str:
        """Once, and before the first cell. Why they had no effect, or not all of it."""
        fresh = not self._configured and self.tap.last is None
        self._configured = True
        try:
            if arguments and fresh:
                apply(self.kernel, arguments)
        except (Exception, SystemExit) as error:  # ipykernel would not have started
            return f"{type(error).__name__}: {error}"[:300]
        return ""

    def _set_environment(self, env: dict[str, str]) -> None:
        for name, value in self._env.items():
            _set_variable(name, value)
        self._env = {name: os.environ.get(name) for name in env}
        for name, value in env.items():
            _set_variable(name, value)

    def _settle_in(self, payload: dict[str, Any]) -> Place:
        """Use the folder in which the other end has found our hello; remove the others."""
        place = self.arrivals.place
        if self._places or place is None:
            fresh, place = place is None, self._places.pop((payload["base"], payload["layout"]))
            for other in self._places.values():
                other.remove("hello")
                with contextlib.suppress(OSError):
                    if other.folder != other.base:
                        other.folder.rmdir()
                        other.folder.parent.rmdir()
            self._places = {}
            if fresh:
                self._work_in(place)
                forget_cells(self.kernel.shell)
            self.arrivals.place = self.backlog.place = place
        return place

    def _work_in(self, place: Place) -> None:
        """In the data folder, or the folder there that was asked for."""
        folder = place.base
        if self.folder and place.prefix == "":
            folder /= self.folder
            folder.mkdir(exist_ok=True)
        work_in(self.kernel.shell, folder)

    # -- the user's messages ----------------------------------------------------------------------

    async def _handle(
        self, message: dict[str, Any], stream: Any, ident: Any, *, beside: bool = False
    ) -> None:
        """As ``Kernel.dispatch_shell`` does. ``beside``: while another request runs."""
        parent, header = _as_received(message), message["header"]
        control = message["channel"] == "control"
        if not control:
            self.tap.set_parent(ident, parent, "shell")
        if not beside:
            self.tap.last, self.tap.replied = (ident, parent), False
        self.tap.tell("iopub", "status", {"execution_state": "busy"}, header)
        try:
            await self._call(message, parent, stream, ident, beside=beside)
        except KeyboardInterrupt:
            self._end_interrupted(message)
        except Exception:
            self.kernel.log.error("Exception in message handler:", exc_info=True)
        _flush_streams()
        self.tap.tell("iopub", "status", {"execution_state": "idle"}, header)
        if beside and not control and self.tap.last is not None:
            self.tap.set_parent(*self.tap.last, "shell")
            cell = self.tap.last[1]["header"]
            self.tap.tell("iopub", "status", {"execution_state": "busy"}, cell)

    async def _call(
        self, message: dict[str, Any], parent: Any, stream: Any, ident: Any, *, beside: bool
    ) -> None:
        control = message["channel"] == "control"
        handlers = self.kernel.control_handlers if control else self.kernel.shell_handlers
        msg_type = message["header"]["msg_type"]
        handler = self._execute if msg_type == "execute_request" else handlers.get(msg_type)
        if handler is None:
            return
        if handler is self._execute:
            count_elsewhere(self.kernel.shell, parent["metadata"])
        if not beside:
            self.arrivals.begin(message["header"]["msg_id"])
        try:
            result = handler(stream, ident, parent)
            if inspect.isawaitable(result):
                await result
        finally:
            if not beside:
                self.arrivals.end()

    def _end_interrupted(self, message: dict[str, Any]) -> None:
        """A signal that met ipykernel's own code before or after the user's."""
        header = message["header"]
        if header["msg_type"] != "execute_request" or self.tap.replied:
            return
        error = {"ename": "KeyboardInterrupt", "evalue": "", "traceback": ["KeyboardInterrupt"]}
        count = self.kernel.execution_count
        more = {"execution_count": count, "user_expressions": {}, "payload": []}
        self.tap.tell("iopub", "error", error, header)
        self.tap.tell("shell", "execute_reply", {"status": "error", **error, **more}, header)

    # -- input() ----------------------------------------------------------------------------------

    def on_input_request(self, prompt: str, ident: Any, parent: Any, password: bool = False) -> str:
        header = (parent or {}).get("header") or {}
        place = self.arrivals.place
        if header.get("msg_id") not in self.tap.seen or place is None:
            return str(self._ask(prompt, ident, parent, password=password))
        _flush_streams()
        self._new_answer(place)  # to an earlier question
        content = {"prompt": str(prompt), "password": bool(password)}
        self.tap.tell("stdin", "input_request", content, header)
        self.log.flush()
        try:
            while (value := self._new_answer(place)) is None:
                time.sleep(ANSWER_S)
        except KeyboardInterrupt:
            raise KeyboardInterrupt("Interrupted by user") from None
        if value == "\x04":
            raise EOFError
        return value

    def _new_answer(self, place: Place) -> str | None:
        value = None
        for name in place.names("answer-"):
            answer = place.take(name)
            if isinstance(answer, dict):
                value = str(answer.get("value", ""))
        return value


def _as_received(message: dict[str, Any]) -> dict[str, Any]:
    """As ``Session.deserialize`` gives it to a kernel."""
    header = message["header"]
    buffers = [memoryview(base64.b64decode(buffer)) for buffer in message.get("buffers", ())]
    named = {"msg_id": header["msg_id"], "msg_type": header["msg_type"]}
    return {"parent_header": {}, "metadata": {}, **message, **named, "buffers": buffers}


def _flush_streams() -> None:
    for output in (sys.stdout, sys.stderr):
        with contextlib.suppress(Exception):
            output.flush()


def _set_variable(name: str, value: str | None) -> None:
    if value is None:
        os.environ.pop(name, None)
    else:
        os.environ[name] = value
