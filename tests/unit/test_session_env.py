"""Which environment variables a session gets."""

from __future__ import annotations

import pytest

from azure_session_kernel.common.errors import SettingsError
from azure_session_kernel.session.environment import variables_for_session
from azure_session_kernel.session.settings import Settings

ENVIRON = {
    "PATH": "/bin",
    "NBGRADER_EXECUTION": "validate",
    "OTTER_X": "1",
    "COURSE": "a",
    "EXAM_1": "b",
    "EXAM_TOKEN": "secret",
    "AZURE_CLIENT_SECRET": "secret",
    "JPY_PARENT_PID": "1",
}


def test_graders_variables_are_passed_and_nothing_else() -> None:
    assert set(variables_for_session(ENVIRON, "")) == {"NBGRADER_EXECUTION", "OTTER_X"}


def test_what_the_user_names_is_added() -> None:
    found = variables_for_session(ENVIRON, "COURSE, EXAM_* NOT_SET")
    assert set(found) == {"NBGRADER_EXECUTION", "OTTER_X", "COURSE", "EXAM_1"}


def test_patterns_never_take_secrets_and_exact_names_do() -> None:
    assert "AZURE_CLIENT_SECRET" not in variables_for_session(ENVIRON, "A* AZURE_* E*")
    assert variables_for_session(ENVIRON, "EXAM_TOKEN")["EXAM_TOKEN"] == "secret"


@pytest.mark.parametrize("setting", ["*", "A=B", "a-b", "A*B", "ä"])
def test_what_is_no_name_is_refused(setting: str) -> None:
    with pytest.raises(SettingsError, match="AZURE_SESSION_ENV"):
        variables_for_session(ENVIRON, setting)


def test_too_much_is_refused() -> None:
    environ = {f"OTTER_{n}": "x" for n in range(300)}
    with pytest.raises(SettingsError, match="300 variables"):
        variables_for_session(environ, "")


def test_patterns_to_upload_are_split_like_a_shells() -> None:
    def read(value: str) -> tuple[str, ...]:
        environ = {"AZURE_SESSION_POOL_ENDPOINT": "local", "AZURE_SESSION_UPLOAD": value}
        return Settings.from_environ(environ).upload

    assert read("") == ()
    assert read("data/*.csv 'my file.txt' sub\\x") == ("data/*.csv", "my file.txt", "sub\\x")
    assert read("$'a\\tb'") == ("a\tb",)
    with pytest.raises(SettingsError, match="AZURE_SESSION_UPLOAD"):
        read("'x")
