"""The commands that README.md and docs/ name, as a reader would type them.

The two first ones of README.md, which make an environment, are run by ``.ci/run``.
"""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from jupyter_client.kernelspec import KernelSpecManager

from azure_session_kernel.cli.main import parsed

ROOT = Path(__file__).parents[1]
PAGES = (ROOT / "README.md", *sorted((ROOT / "docs").rglob("*.md")))
NAME = "azure-session-kernel"
ENDPOINT = "https://pool.env.westeurope.azurecontainerapps.io"
_BLOCK = re.compile(r"^ *```\n(.*?)^ *```", re.S | re.M)


def blocks(page: Path) -> list[str]:
    """Those in no language, which are for a terminal or show something."""
    return _BLOCK.findall(page.read_text(encoding="utf-8"))


def commands(page: Path) -> set[str]:
    """Ours, of blocks and within sentences, without what comes before or after in the shell."""
    text = page.read_text(encoding="utf-8")
    lines = "".join(blocks(page)).replace("\\\n", " ").splitlines()
    spans = re.findall(r"`([^`\n]+)`", _BLOCK.sub("", text))
    found = (re.search(rf"(?:^|&& *|[A-Z_]+=\S+ )({NAME} .+)$", one) for one in [*lines, *spans])
    return {match[1] for match in found if match}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_command_is_one_that_the_command_line_understands(page: Path) -> None:
    for line in sorted(commands(page)):
        _, *arguments = shlex.split(re.sub(r"\$\(.*?\)", ENDPOINT, line), comments=True)
        # What stands in capital letters is for the reader to fill in: here, with what there is.
        arguments = ["container" if one == "KIND" else one for one in arguments]
        if any(not argument.startswith("-") for argument in arguments):
            try:
                parsed(arguments)
            except SystemExit as ended:
                pytest.fail(f"{page.name}: {line} ({ended.code})")


def test_the_pages_name_commands_at_all() -> None:
    assert {line.split()[1] for page in PAGES for line in commands(page)} >= {
        "try",
        "install",
        "doctor",
        "pool",
        "sessions",
        "logs",
    }


def test_the_readme_works_as_typed_from_the_activation_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a shell that finds none of our commands before it."""
    (tmp_path / ".venv").symlink_to(sys.prefix)
    azure = tmp_path / "bin" / "az"
    azure.parent.mkdir()
    azure.write_text(f'#!/bin/sh\ncase "$*" in *poolManagementEndpoint*) echo {ENDPOINT};; esac\n')
    azure.chmod(0o755)
    monkeypatch.setenv("PATH", f"{azure.parent}:/usr/bin:/bin")
    monkeypatch.setenv("JUPYTER_PREFER_ENV_PATH", "0")
    monkeypatch.setenv("JUPYTER_DATA_DIR", str(tmp_path / "data"))
    typed = [block for block in blocks(PAGES[0]) if "python3 -m venv" not in block]
    script = "".join(typed)
    done = subprocess.run(
        ["sh", "-e", "-c", script],
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=100,
        check=False,
    )
    assert (done.returncode, done.stderr) == (0, ""), script
    assert "rich_output" in done.stdout
    spec = KernelSpecManager().get_kernel_spec("azure-session")
    assert spec.env == {"AZURE_SESSION_POOL_ENDPOINT": ENDPOINT}
