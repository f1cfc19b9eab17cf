"""SIGTERM and SIGHUP end a command as Ctrl-C does: what it has begun is stopped, and told."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable, Coroutine, Iterator
from types import FrameType
from typing import Any, Final, NoReturn, TypeVar

T = TypeVar("T")
Handler = Callable[[int, FrameType | None], None]

#: Windows has no SIGHUP.
_ENDINGS: Final = (signal.SIGTERM, *((signal.SIGHUP,) if hasattr(signal, "SIGHUP") else ()))


@contextlib.contextmanager
def heeded() -> Iterator[None]:
    """Within, they raise KeyboardInterrupt."""
    with _handled(_ENDINGS, _interrupt):
        yield


def run(main: Coroutine[Any, Any, T]) -> T:
    """``asyncio.run``, of which a signal cancels ``main``.

    An exception that a handler raises ends whatever task is running just then, which nobody may
    wait for: it would be printed, and ``main`` go on.

    :raises KeyboardInterrupt: a signal came.
    """
    told = False

    async def cancellable() -> T:
        loop, task = asyncio.get_running_loop(), asyncio.current_task()
        assert task is not None  # noqa: S101

        def cancel(number: int, frame: FrameType | None) -> None:
            nonlocal told
            if told:  # and that was not enough
                _interrupt(number, frame)
            told = True
            loop.call_soon_threadsafe(task.cancel)

        with _handled((signal.SIGINT, *_ENDINGS), cancel):
            return await main

    try:
        return asyncio.run(cancellable())
    except asyncio.CancelledError:
        if told:
            raise KeyboardInterrupt from None
        raise


def run_told(main: Coroutine[Any, Any, T], came: Callable[[int], None]) -> T:
    """``asyncio.run``, on whose event loop ``came`` is called with the number of each signal."""

    async def told() -> T:
        loop = asyncio.get_running_loop()

        def tell(number: int, frame: FrameType | None) -> None:
            loop.call_soon_threadsafe(came, number)

        with _handled((signal.SIGINT, *_ENDINGS), tell):
            return await main

    return asyncio.run(told())


def _interrupt(number: int, frame: FrameType | None) -> NoReturn:
    raise KeyboardInterrupt


@contextlib.contextmanager
def _handled(numbers: tuple[signal.Signals, ...], handler: Handler) -> Iterator[None]:
    """A signal that is ignored stays so: under nohup, a closed terminal is."""
    before = {
        number: signal.signal(number, handler)
        for number in numbers
        if signal.getsignal(number) is not signal.SIG_IGN
    }
    try:
        yield
    finally:
        for number, old in before.items():
            signal.signal(number, old)
