"""A notebook's session: opened before anything of the notebook runs, and stopped at its end."""

from __future__ import annotations

import contextlib
from collections.abc import Awaitable, Mapping
from pathlib import Path
from queue import Empty
from typing import Any, Final

from jupyter_client.manager import KernelManager
from nbclient import NotebookClient

from ..common import errors
from .record import EVALUE_CHARS

#: So often a kernel that says nothing is looked at.
_LOOK_S: Final = 1.0
_READY_S: Final = 120


def names_of(*trees: type[errors.SessionKernelError]) -> frozenset[str]:
    """Of these errors, and of all that are below them (``common/errors.py``)."""
    below = [names_of(*tree.__subclasses__()) for tree in trees]
    return frozenset(tree.__name__ for tree in trees).union(*below)


#: What is as wrong for the next notebook.
_FOR_ALL: Final = names_of(
    errors.SettingsError,
    errors.CredentialError,
    errors.Unauthorized,
    errors.Forbidden,
    errors.PoolRouteNotFound,
)
_FOR_ONE: Final = names_of(errors.FileTransferError, errors.MagicUsage)


class NotOpened(Exception):
    """There is no session, so nothing has run.

    :ivar ename: of the kernel's error.
    """

    def __init__(self, ename: str, what: str) -> None:
        super().__init__(what)
        self.ename = ename

    @property
    def is_full(self) -> bool:
        return self.ename == errors.PoolFull.__name__

    @property
    def is_for_all(self) -> bool:
        return self.ename in _FOR_ALL

    @property
    def may_pass(self) -> bool:
        return self.ename not in _FOR_ALL | _FOR_ONE


async def open_session(
    client: NotebookClient, manager: KernelManager, folder: Path, env: Mapping[str, str]
) -> None:
    """A cell without code opens it, and brings the files.

    :raises NotOpened: there is none.
    """
    client.reset_execution_trackers()
    try:
        await _answer(manager.start_kernel(cwd=str(folder), env=dict(env)))
        kc: Any = manager.client()
        client.kc = kc
        await _answer(kc.start_channels())
        kc.allow_stdin = False
        reply = await _reply(kc, kc.execute("", silent=True, store_history=False))
        if reply["status"] != "ok":
            raise NotOpened(str(reply.get("ename")), str(reply.get("evalue"))[:EVALUE_CHARS])
        await kc.wait_for_ready(timeout=_READY_S)
        info = await _reply(kc, kc.kernel_info())
        client.nb.metadata["language_info"] = info["language_info"]
    except (OSError, RuntimeError) as error:  # jupyter_client's word for a kernel that has died
        raise NotOpened(type(error).__name__, f"the kernel did not start: {error}") from None


async def stop_session(client: NotebookClient, manager: KernelManager) -> None:
    """With its kernel; what can't be stopped now is left to the kernel's finisher."""
    with contextlib.suppress(RuntimeError):  # no kernel is running
        if manager.has_kernel:
            await _answer(manager.shutdown_kernel(now=False))
    kc: Any = client.kc
    if kc is not None:
        await _answer(kc.stop_channels())
    await _answer(manager.cleanup_resources())


async def _reply(kc: Any, msg_id: str) -> dict[str, Any]:
    while True:
        try:
            message = await kc.get_shell_msg(timeout=_LOOK_S)
        except Empty:
            if not await _answer(kc.is_alive()):
                raise RuntimeError("it ended before its first answer") from None
            continue
        if message["parent_header"].get("msg_id") == msg_id:
            content: dict[str, Any] = message["content"]
            return content


async def _answer(value: Any) -> Any:
    return await value if isinstance(value, Awaitable) else value
