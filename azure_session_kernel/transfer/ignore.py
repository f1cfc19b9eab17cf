"""What ``%upload`` leaves out: a ``.sessionignore`` in the notebook's folder, and built-in rules.

The file has ``.gitignore``'s rules and can take back what is left out as clutter (``!.git/``). It
can't take back the secrets: a notebook from elsewhere may bring a ``.sessionignore`` along.
"""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Final

from ..common.errors import FileTransferError

IGNORE_FILE: Final = ".sessionignore"
#: Where ``AZURE_SESSION_DOWNLOAD`` puts files, with a number behind it from the second on: results,
#: which are no inputs.
BROUGHT_BACK: Final = "session-files"
_MAX_BYTES: Final = 256 * 1024

_CLUTTER: Final = (
    ".git/",
    ".hg/",
    ".svn/",
    ".ipynb_checkpoints/",
    "__pycache__/",
    "*.pyc",
    ".venv/",
    "venv/",
    "node_modules/",
    ".mypy_cache/",
    ".pytest_cache/",
    ".ruff_cache/",
    ".DS_Store",
    "Thumbs.db",
    ".ask-*.part",
    *(f"{BROUGHT_BACK}{number}/" for number in ("", "-[0-9]*")),
    IGNORE_FILE,
)
_SECRETS: Final = (
    ".env",
    ".env.*",
    "*.pem",
    "*.key",
    "*.pfx",
    "*.p12",
    "*.ppk",
    "*.kdbx",
    "id_rsa*",
    "id_dsa*",
    "id_ecdsa*",
    "id_ed25519*",
    ".ssh/",
    ".gnupg/",
    ".aws/",
    ".azure/",
    ".kube/",
    ".docker/",
    ".config/",
    ".jupyter/",
    ".local/",
    ".mozilla/",
    ".netrc",
    "_netrc",
    ".pgpass",
    ".pypirc",
    ".npmrc",
    ".git-credentials",
    ".*_history",
    "kaggle.json",
)


class IgnoreRules:
    """:param lines: those of a ``.sessionignore``."""

    def __init__(self, lines: Iterable[str] = ()) -> None:
        from pathspec import GitIgnoreSpec  # most kernels transfer no files

        lines = list(lines)
        self._take_back = any(line.startswith("!") for line in lines)
        self._rules = GitIgnoreSpec.from_lines([*_CLUTTER, *lines])
        self._secrets = GitIgnoreSpec.from_lines(_SECRETS)

    @classmethod
    def of_folder(cls, folder: Path) -> IgnoreRules:
        """:raises FileTransferError: its ``.sessionignore`` can't be used."""
        path = folder / IGNORE_FILE
        try:
            with path.open("rb") as file:
                text = file.read(_MAX_BYTES).decode("utf-8-sig")
            return cls(text.splitlines())
        except FileNotFoundError:
            return cls()
        except (OSError, ValueError) as error:
            raise FileTransferError(
                f"{IGNORE_FILE} can't be used, so nothing was uploaded ({error}).",
                fix=f"Correct {IGNORE_FILE} in the notebook's folder, or remove it.",
            ) from error

    def reason(self, name: str) -> str:
        """Why the file of this relative name (with ``/``) is left out; "" if it is not."""
        if self._secrets.match_file(name.lower()):
            return "it may hold a secret, and such files are never uploaded"
        if self._rules.match_file(name):
            return f"{IGNORE_FILE} or a built-in rule leaves it out"
        return ""

    def leave_out_folder(self, name: str) -> bool:
        """Whether nothing in it can travel, so that nobody needs to look."""
        folder = f"{name}/"
        if self._secrets.match_file(folder.lower()):
            return True
        return not self._take_back and self._rules.match_file(folder)
