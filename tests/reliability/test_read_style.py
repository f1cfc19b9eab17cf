"""When a log is read as a stream, and when by asking again and again."""

from __future__ import annotations

from azure_session_kernel.executors.read_style import POLL, STREAM, ReadStyle


class Clock:
    now = 0.0

    def __call__(self) -> float:
        return self.now


def test_a_stream_that_flows_stays_a_stream() -> None:
    style = ReadStyle(Clock())
    style.flowed(style.choose())
    assert style.choose() is STREAM


def test_a_stream_that_is_held_back_becomes_polls_until_a_trial_flows() -> None:
    clock = Clock()
    style = ReadStyle(clock)
    style.held_back(style.choose())
    assert style.choose() is POLL
    style.flowed(POLL)
    assert style.choose() is POLL
    clock.now += 61
    assert style.choose() is STREAM
    style.flowed(STREAM)
    assert not style.polling


def test_trials_become_rarer() -> None:
    clock = Clock()
    style = ReadStyle(clock)
    for expected_s in (60, 120, 240):
        style.held_back(STREAM)
        clock.now += expected_s - 1
        assert style.choose() is POLL
        clock.now += 1
        assert style.choose() is STREAM


def test_a_poll_without_an_answer_says_nothing_about_proxies() -> None:
    style = ReadStyle(Clock())
    style.held_back(POLL)
    assert style.choose() is STREAM
