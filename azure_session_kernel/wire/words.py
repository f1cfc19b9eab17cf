"""Words that both ends use. mypy checks ours; the other end's go through ``word``."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final, Literal, TypeVar, get_args

#: Why a kernel asks for a new boot: the user's wish, or a cell that can't be interrupted.
RestartReason = Literal["restart", "interrupt"]

#: Why a boot has ended. ``stopped`` an adapter never says: the session itself was ended to
#: interrupt a cell.
EndReason = Literal["exited", "killed", "out_of_memory", "restart", "interrupt", "stopped"]

#: Of SIGINT: given; on its way; there is nothing to interrupt; the interpreter can't be given it.
InterruptOutcome = Literal["signalled", "pending", "idle", "undelivered"]

#: What the SIGINT before has done, as ``MainThread.reaction`` in ``interpreter`` says.
Reaction = Literal["none", "handling", "handled", "unknown"]

RESTART_REASONS: Final[tuple[RestartReason, ...]] = get_args(RestartReason)
END_REASONS: Final[tuple[EndReason, ...]] = get_args(EndReason)
INTERRUPT_OUTCOMES: Final[tuple[InterruptOutcome, ...]] = get_args(InterruptOutcome)
REACTIONS: Final[tuple[Reaction, ...]] = get_args(Reaction)

W = TypeVar("W", bound=str)


def word(told: object, words: Iterable[W], otherwise: W) -> W:
    """The one of ``words`` that was told: ``word("idle", INTERRUPT_OUTCOMES, "signalled")``."""
    return next((known for known in words if known == told), otherwise)
