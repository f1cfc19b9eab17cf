"""``azure-session-kernel logs``: the query, what is printed, and what is run."""

from __future__ import annotations

import types
from datetime import timedelta
from typing import Any

import pytest

from azure_session_kernel.cli import logs
from azure_session_kernel.cli.main import main
from azure_session_kernel.doctor.log_query import TABLES, query

ENDPOINT = "https://my-pool.env.eastasia.azurecontainerapps.io"
WORKSPACE = "11111111-2222-3333-4444-555555555555"
IDENTIFIER = "ask-abcdefghijklmnopqrstuvwxyz234567"


def test_the_query_is_about_this_pool_this_session_and_this_time() -> None:
    text = query("my-pool", since="2h", session=IDENTIFIER)
    assert all(table in text for table in TABLES)
    assert "ago(2h)" in text
    assert '"my-pool"' in text
    assert '"ask-abcdefgh"' in text
    assert IDENTIFIER not in text


def test_each_table_is_read_under_both_of_its_names() -> None:
    names = {table.removesuffix("_CL") for table in TABLES}
    assert set(TABLES) == names | {f"{name}_CL" for name in names}


@pytest.mark.parametrize(
    "arguments",
    [
        {"since": "soon"},
        {"since": "1h) | take 1 //"},
        {"since": "1h", "pool": 'x" or 1==1'},
        {"since": "1h", "session": 'a"b"c"'},
    ],
)
def test_nothing_gets_into_the_query_that_could_change_it(arguments: dict[str, str]) -> None:
    with pytest.raises(ValueError, match=r"is not|that is not"):
        query(**{"pool": "", **arguments})


def test_without_a_workspace_the_query_is_printed_to_paste(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert main(["logs", "--endpoint", ENDPOINT, "--since", "30m"]) == 0
    printed = capsys.readouterr()
    assert printed.out.startswith("union isfuzzy=true")
    assert '"my-pool"' in printed.out
    assert "Paste this" in printed.err


def test_a_built_in_pool_has_its_name_at_the_end_of_its_path(
    capsys: pytest.CaptureFixture[str],
) -> None:
    path = "/subscriptions/0/resourceGroups/rg/sessionPools/the-pool"
    assert main(["logs", "--endpoint", f"https://eastasia.dynamicsessions.io{path}"]) == 0
    assert '"the-pool"' in capsys.readouterr().out


@pytest.mark.parametrize(
    "arguments", [["--endpoint", "local"], ["--name", "p", "--workspace", "w"], ["--since", "x"]]
)
def test_wrong_usage_is_refused(arguments: list[str], capsys: pytest.CaptureFixture[str]) -> None:
    with pytest.raises(SystemExit) as ended:
        main(["logs", *arguments])
    assert ended.value.code == 2


class _Client:
    """Stands in for azure-monitor-query's client, which needs Azure."""

    asked: tuple[str, str, timedelta] | None = None
    rows: tuple[Any, ...] = ()

    def __init__(self, credential: object) -> None:
        pass

    def __enter__(self) -> _Client:
        return self

    def __exit__(self, *_: object) -> None:
        pass

    def query_workspace(self, workspace: str, text: str, *, timespan: timedelta) -> object:
        if not _Client.rows:
            raise PermissionError("no reader")
        _Client.asked = (workspace, text, timespan)
        return types.SimpleNamespace(tables=[types.SimpleNamespace(rows=_Client.rows)])


@pytest.fixture
def monitor(monkeypatch: pytest.MonkeyPatch) -> type[_Client]:
    found = types.ModuleType("azure.monitor.query")
    found.LogsQueryClient = _Client  # type: ignore[attr-defined]
    monkeypatch.setattr(logs, "_monitor", lambda: found)
    return _Client


ASKED = ["logs", "--name", "p", "--since", "2h", "--workspace", WORKSPACE]


def test_with_a_workspace_it_is_run_and_its_lines_are_shown_without_control_characters(
    monitor: type[_Client], capsys: pytest.CaptureFixture[str]
) -> None:
    monitor.rows = (("12:00", "Console", None, "pod-1", "Address in use\x1b[31m"),)
    assert main(ASKED) == 0
    assert capsys.readouterr().out == "12:00  Console  pod-1  Address in use [31m\n"
    assert monitor.asked is not None
    assert (monitor.asked[0], monitor.asked[2]) == (WORKSPACE, timedelta(hours=2))


def test_a_workspace_that_can_not_be_read_leaves_the_query_to_paste(
    monitor: type[_Client], capsys: pytest.CaptureFixture[str]
) -> None:
    monitor.rows = ()
    assert main(ASKED) == 1
    printed = capsys.readouterr()
    assert "Log Analytics Reader" in printed.err
    assert printed.out.startswith("union")
