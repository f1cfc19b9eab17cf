"""A loss of variables is told once, whoever learns of it first."""

from __future__ import annotations

import pytest

from azure_session_kernel.common.errors import SessionLost
from azure_session_kernel.session.variables import Variables


@pytest.fixture
def variables() -> Variables:
    """Those of a boot that is gone; nobody has said so."""
    variables = Variables()
    variables.will_be_in("old")
    return variables


def test_a_loss_is_told_by_the_next_cell_and_no_other(variables: Variables) -> None:
    with pytest.raises(SessionLost):
        variables.check("new")
    assert variables.lost
    variables.check("new")


def test_what_an_answered_cell_could_not_tell_is_told_by_the_next_one(variables: Variables) -> None:
    variables.told("old")
    variables.not_told("old")
    assert not variables.lost
    with pytest.raises(SessionLost):
        variables.check("new")


@pytest.mark.parametrize("runs_on", [False, True])
def test_an_answered_cell_that_learns_of_it_late_has_nothing_told_again(
    variables: Variables, runs_on: bool
) -> None:
    """The repetition of its sending came to nothing behind the cell that told."""
    with pytest.raises(SessionLost):
        variables.check("new")
    if runs_on:
        variables.will_be_in("new")
    variables.told("old")
    variables.not_told("old")
    variables.check("new")
    assert variables.lost
    assert variables.are_in("new") == runs_on
