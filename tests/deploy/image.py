"""``deploy/Dockerfile`` built into a folder, without a container engine."""

from __future__ import annotations

import os
import shutil
import subprocess
from pathlib import Path
from typing import Final

from . import ROOT
from .dockerfile import Layer, arguments, context, expanded, pairs

_CHROOT: Final = shutil.which("chroot") or "/usr/sbin/chroot"
_HOMES: Final = {"0": "/root", "1000": "/home/session"}
_PATH: Final = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
#: What a machine may need to reach Debian and PyPI, besides its certificates.
_PASSED_ON: Final = ("http_proxy", "https_proxy", "no_proxy", "PIP_INDEX_URL", "UV_INDEX_URL")
#: Of dpkg, as in Debian's own slim images.
_AS_SLIM: Final = (
    "force-unsafe-io",
    "path-exclude=/usr/share/doc/*",
    "path-exclude=/usr/share/man/*",
)
_CERTIFICATES: Final = "/tmp/certificates.crt"


class Image:
    """A root folder that layers are put on, one after the other.

    Needs root, and a mount namespace of its own.

    :param given: the build arguments.
    """

    def __init__(self, root: Path, given: dict[str, str]) -> None:
        unknown = given.keys() - arguments().keys()
        if unknown:
            raise ValueError(f"the Dockerfile has no ARG {', '.join(unknown)}")
        self.root = root
        self.env = {"PATH": _PATH}
        self._given = given
        self._args: dict[str, str] = {}
        self._user, self._folder = "0", "/"
        self._shell: list[str] = []

    def put(self, layer: Layer) -> None:
        """:raises CalledProcessError: its command failed."""
        value = expanded(layer.value, self._args | self.env)
        match layer.name:
            case "FROM":
                self._debian(value)
            case "SHELL":
                self._shell = layer.words
            case "ARG":
                self._args |= {name: self._given.get(name, text) for name, text in pairs(value)}
            case "ENV":
                self.env |= dict(pairs(value))
            case "USER":
                self._user = value
            case "WORKDIR":
                self._folder = value
                self.inside(value).mkdir(parents=True, exist_ok=True)
            case "COPY":
                self._copy(*value.split())
            case "RUN":
                command = self.command([*self._shell, layer.value])
                env = self.environment() | self._args | _of_this_machine()
                subprocess.run(command, env=env, check=True, stdout=subprocess.DEVNULL)

    def inside(self, path: str) -> Path:
        return self.root / path.lstrip("/")

    def environment(self) -> dict[str, str]:
        """Of a process that this image starts."""
        return {"HOME": _HOMES[self._user]} | self.env

    def command(self, words: list[str]) -> list[str]:
        """As the image's user, in its folder."""
        enter = [_CHROOT, f"--userspec={self._user}:{self._user}", str(self.root)]
        return [*enter, "/bin/sh", "-c", 'cd "$0" && exec "$@"', self._folder, *words]

    def _debian(self, base: str) -> None:
        suite = base.removeprefix("debian:").removesuffix("-slim")
        options = ["--variant=minbase", *(f"--dpkgopt={option}" for option in _AS_SLIM)]
        subprocess.run(["mmdebstrap", "--quiet", *options, suite, str(self.root)], check=True)
        self.root.chmod(0o755)
        for folder in ("/proc", "/dev"):
            subprocess.run(["mount", "--rbind", folder, self.inside(folder)], check=True)
        shutil.copy("/etc/resolv.conf", self.inside("/etc/resolv.conf"))
        if authorities := os.environ.get("SSL_CERT_FILE"):
            shutil.copy(authorities, self.inside(_CERTIFICATES))

    def _copy(self, source: str, target: str) -> None:
        """A folder's files, as root's."""
        files = [path for path in context() if path.is_relative_to(source)]
        if not files:
            raise FileNotFoundError(f"COPY {source}: .dockerignore lets nothing of it pass")
        for path in files:
            to = self.inside(target) / path.relative_to(source)
            to.parent.mkdir(parents=True, exist_ok=True)
            shutil.copy(ROOT / path, to)


def _of_this_machine() -> dict[str, str]:
    env = {name: os.environ[name] for name in _PASSED_ON if name in os.environ}
    if "SSL_CERT_FILE" in os.environ:
        env |= {"SSL_CERT_FILE": _CERTIFICATES, "PIP_CERT": _CERTIFICATES}
    return env | {"DEBIAN_FRONTEND": "noninteractive"}
