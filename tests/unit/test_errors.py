"""The tree of errors, and how one looks in a notebook."""

from __future__ import annotations

import re

import pytest

from azure_session_kernel.common import errors
from azure_session_kernel.common.errors import (
    Interrupted,
    PoolError,
    PoolFull,
    PoolUnreachable,
    SessionKernelError,
    SessionLost,
)


def subclasses(cls: type[SessionKernelError]) -> list[type[SessionKernelError]]:
    found = []
    for sub in cls.__subclasses__():
        if sub.__module__ == errors.__name__:
            found += [sub, *subclasses(sub)]
    return found


def test_the_drawn_tree_is_the_real_one() -> None:
    """Each drawn line: its depth by the column of its branch, then the class name."""
    drawn: list[tuple[int, str]] = [(0, "SessionKernelError")]
    for line in (errors.__doc__ or "").splitlines():
        if match := re.match(r"([│ ]*)[├└]── (\w+)", line):
            drawn.append((len(match[1]) // 4 + 1, match[2]))

    def walk(cls: type[SessionKernelError], depth: int) -> list[tuple[int, str]]:
        lines = [(depth, cls.__name__)]
        for sub in cls.__subclasses__():
            if sub.__module__ == errors.__name__:
                lines += walk(sub, depth + 1)
        return lines

    assert drawn == walk(SessionKernelError, 0)


def test_the_root_is_never_raised_itself() -> None:
    with pytest.raises(TypeError, match="subclass"):
        SessionKernelError("something")


@pytest.mark.parametrize("cls", subclasses(SessionKernelError))
def test_every_error_is_shown_with_what_cause_and_fix(cls: type[SessionKernelError]) -> None:
    error = cls("It broke.", cause="It was old.", fix="Buy `a new one`.")
    assert str(error) == "It broke. It was old. Buy `a new one`."
    content = error.as_content()
    assert set(content) == {"ename", "evalue", "traceback"}
    assert content["evalue"] == "It broke."
    plain = [re.sub("\x1b\\[[0-9;]*m", "", line) for line in content["traceback"]]
    assert plain == [
        f"{content['ename']}: It broke.",
        "  Likely cause: It was old.",
        "  What to do:   Buy `a new one`.",
    ]


def test_the_name_shown_is_the_class() -> None:
    assert SessionLost("Gone.").as_content()["ename"] == "SessionLost"


def test_an_interrupt_looks_like_one() -> None:
    assert Interrupted("Stopped.").as_content()["ename"] == "KeyboardInterrupt"


def test_cause_and_fix_are_left_out_when_empty() -> None:
    error = SessionLost("Gone.")
    assert str(error) == "Gone."
    assert len(error.as_content()["traceback"]) == 1


def test_pool_errors_start_without_an_answer() -> None:
    error = PoolFull("Full.")
    assert isinstance(error, PoolError)
    found = (error.status, error.code, error.source, error.body, error.retry_after_s)
    assert found == (None, "", "", "", None)


def test_an_unreachable_pool_counts_as_reached_unless_known_otherwise() -> None:
    """At most once (docs/design.md rule 2): the careful answer is the default."""
    assert PoolUnreachable("No answer.").sent is True
