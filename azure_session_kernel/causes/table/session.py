"""Causes that show once code runs: streams, repeats, sessions, files, the end."""

from __future__ import annotations

from collections.abc import Callable
from typing import Final

from ..evidence import Evidence
from ..signs import HIGH, LOW, MEDIUM, Sign
from .row import Cause


def _buffered(e: Evidence) -> bool:
    return e.stream is not None and e.stream.held_back


def _failed(check: str) -> Callable[[Evidence], bool]:
    return lambda e: check in e.failed


SESSION: Final = (
    Cause(
        id="buffering-proxy",
        check="streaming",
        title="Something on the way holds answers back until they end",
        explanation="A stream's first byte, which the session sends at once, arrives only with "
        "its last one: a proxy between this machine and the session buffers answers.",
        fix="Exempt {host} in the proxy, or set NO_PROXY={host}. The kernel works around it: "
        "output then comes in pieces, a little later.",
        source="unknown for Azure's own front; common in company proxies",
        signs=(Sign("the first byte of a read comes when the read ends", HIGH, _buffered),),
    ),
    Cause(
        id="resending-front",
        check="execution",
        title="Requests reach the session twice",
        explanation="A message that was sent once had been delivered before: the pool's front or "
        "a proxy sends requests again.",
        fix="Cells still run once, because the adapter knows each message's id. A one-shot pool "
        "can't know that: there, find out which proxy retries POST requests, and stop it.",
        source="microsoft/azure-container-apps issue 1049: the front may re-send",
        signs=(
            Sign("the adapter says that it had the message already", HIGH, lambda e: e.repeated),
        ),
    ),
    Cause(
        id="session-split",
        check="session",
        title="Two requests of one session land in different containers",
        explanation="The same identifier led to two different interpreters within seconds: the "
        "container died in between, or something on the way changes the identifier.",
        fix="Read the container's log for a crash ({logs}); check "
        "its memory limit, and any gateway in front of the pool.",
        source="inferred: Azure gives an unknown identifier a fresh session",
        signs=(
            Sign(
                "the boot id changed between two requests",
                MEDIUM,
                lambda e: e.same_session is False,
            ),
        ),
    ),
    Cause(
        id="execution-fails",
        check="execution",
        title="Code does not run as it should",
        explanation="The session answers, but a small program did not come back as it should: "
        "{failed_execution}",
        fix="Read the container's log: {logs}.",
        source="this project's checks",
        signs=(Sign("the round trip of `print` failed", MEDIUM, _failed("execution")),),
    ),
    Cause(
        id="files-fail",
        check="files",
        title="Files can't be written or read in the session",
        explanation="Code runs, but a small file did not come back: {failed_files}",
        fix="Check that the container's working directory is writable and has room.",
        source="this project's checks",
        signs=(Sign("the round trip of a file failed", MEDIUM, _failed("files")),),
    ),
    Cause(
        id="interrupt-fails",
        check="interrupt",
        title="Running code can't be interrupted",
        explanation="Code runs, but SIGINT did not end it: {failed_interrupt}",
        fix="Use an image with the same version of azure-session-kernel; `Kernel > Restart` still "
        "works.",
        source="this project's checks",
        signs=(Sign("the interrupt of a sleeping cell failed", MEDIUM, _failed("interrupt")),),
    ),
    Cause(
        id="stop-fails",
        check="stop",
        title="The session can't be stopped",
        explanation="The pool did not confirm that the session is stopped: {failed_stop} It ends "
        "by itself after the cooldown.",
        fix="Run `azure-session-kernel sessions reap` later.",
        source="recorded: POST /.management/stopSession",
        signs=(Sign("stopSession fails", LOW, _failed("stop")),),
    ),
)
