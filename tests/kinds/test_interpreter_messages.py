"""Every message type of the Jupyter protocol on a built-in pool, against a local ipykernel."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Final

import pytest

from ..compat.case import Case
from ..compat.channel_cases import CHANNELS
from ..compat.comm_cases import COMMS
from ..compat.message_cases import MESSAGES
from ..compat.widget_cases import WIDGET_USES
from .conftest import Both

KIND = "interpreter"

#: What only a session with subshells can show: ``cases.py`` has the sentence for the others.
_SUBSHELLS: Final = ("subshell", "another shell's request")


def _cases() -> list[Case]:
    cases = [*MESSAGES.cases, *CHANNELS.cases, *COMMS.cases, *WIDGET_USES.cases]
    adjusted = {"kernel_info": _of_fewer_features, "tracebacks": _without_tracebacks}
    return [
        next((adjust(case) for word, adjust in adjusted.items() if word in str(case)), case)
        for case in cases
        if not any(words in f"{case.subject} {case.shows}" for words in _SUBSHELLS)
    ]


def _of_fewer_features(case: Case) -> Case:
    """Without what a mailbox can't carry: debugger and subshells."""

    def without(seen: Any) -> Any:
        left = case.without(seen)
        for one in left:
            content = one["reply"]["content"]
            content.pop("debugger", None)
            content["supported_features"] = [
                feature
                for feature in content["supported_features"]
                if feature not in ("debugger", "kernel subshells")
            ]
        return left

    return replace(case, without=without)


def _without_tracebacks(case: Case) -> Case:
    """The mailbox stands where ipykernel's sockets do, so it is in what is raised there."""

    def without(seen: Any) -> Any:
        if isinstance(seen, dict):
            return {key: without(value) for key, value in seen.items() if key != "traceback"}
        return [without(one) for one in seen] if isinstance(seen, list) else seen

    return replace(case, without=without, difference="our place in tracebacks")


@pytest.mark.parametrize("case", _cases(), ids=str)
def test_a_message_has_the_same_effect_on_both_kernels(both: Both, case: Case) -> None:
    case.check(*both)
