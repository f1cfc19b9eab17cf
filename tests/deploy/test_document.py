"""``docs/deploy.md`` names files, parameters, tags and resources that are there."""

from __future__ import annotations

import re

import pytest

from . import NAMES, ROOT
from .dockerfile import arguments
from .templates import bicep, parameters

PAGE = (ROOT / "docs/deploy.md").read_text()
LINES = [
    line
    for block in re.findall(r"^```\n(.*?)^```", PAGE, re.S | re.M)
    for line in block.splitlines()
]
SPANS = re.findall(r"`([^`\n]+)`", PAGE)


def typed(beginning: str) -> list[str]:
    found = [line for line in LINES if re.match(rf"(?:\w+=\$\()?{beginning}", line)]
    assert found, beginning
    return found


def test_files_are_there() -> None:
    named = {
        path
        for text in [*LINES, *SPANS]
        for path in re.findall(r"(?:deploy|tests|docs)/[\w./*-]+", text)
    }
    assert len(named) > 8
    assert not [path for path in named if not list(ROOT.glob(path.rstrip(".")))]


@pytest.mark.parametrize(
    ("template", "command", "given"),
    [
        ("bicep/main.bicep", "az deployment group create.*main.bicep", r'[ "](\w+)=(?!\$\()'),
        ("terraform/main.tf", "terraform -chdir=deploy/terraform apply", r'-var "?(\w+)='),
    ],
)
def test_templates_have_the_parameters_that_they_are_given(
    template: str, command: str, given: str
) -> None:
    for line in typed(command):
        names = re.findall(given, line)
        assert names and set(names) <= parameters(template), line


def test_the_build_makes_the_image_that_the_pool_takes() -> None:
    for line in typed("az acr build"):
        image, tag = re.findall(r"--image (\S+):(\S+)", line)[0]
        assert (image, tag) == (NAMES["image"], tag.lower())
        assert "--file deploy/Dockerfile ." in line
    assert (
        {"TARGET_PORT", "STACK"}
        == set(re.findall(r"--build-arg (\w+)", PAGE))
        <= arguments().keys()
    )


def test_pools_are_asked_for_by_the_names_that_the_templates_give_them() -> None:
    pools = {bicep(name)["pool"]["name"] for name in ("main", "pythonlts")}
    asked = {name for line in LINES for name in re.findall(r"sessionpool show --name (\S+)", line)}
    assert asked == pools


def test_what_the_page_says_of_the_image_is_so() -> None:
    for name in ("adapterFolder", "pythonFolder", "workingFolder", "healthPath"):
        assert f"`{NAMES[name]}`" in PAGE
    assert f"({NAMES['targetPort']})" in PAGE and f"user | {NAMES['userId']}," in PAGE


def test_each_step_has_a_check() -> None:
    steps = re.split(r"^## ", PAGE, flags=re.M)
    for step in steps[1:]:
        if "\naz " in step or "\nterraform " in step:
            assert "\nCheck: " in step or " Check: " in step, step.splitlines()[0]


def test_the_tests_that_the_security_page_names_are_there() -> None:
    """A line's ``folder/file.py`` and, behind it, names without their ``test_``."""
    page = (ROOT / "docs/security.md").read_text()
    named = 0
    for line in page.splitlines():
        source = ""
        for word in re.findall(r"`([\w/.]+)`", line):
            if re.fullmatch(r"\w+/\w+\.py", word):
                source = (ROOT / "tests" / word).read_text()
            elif source and re.fullmatch(r"[a-z]+(_[a-z0-9]+){3,}", word):
                assert f"def test_{word}(" in source, word
                named += 1
    assert named > 20
