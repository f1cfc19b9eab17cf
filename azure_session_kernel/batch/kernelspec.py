"""What a kernelspec of ours says, for a kernel that is started without its command."""

from __future__ import annotations

import functools
import logging
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from string import Template
from typing import Any, Final

from ipykernel.kernelapp import kernel_aliases, kernel_flags
from jupyter_client.kernelspec import KernelSpec, KernelSpecManager, NoSuchKernel
from traitlets.config.configurable import Configurable
from traitlets.config.loader import KVArgParseConfigLoader

from ..common.our_kernelspec import DEFAULT_NAME, runs_this_kernel
from ..kernel.arguments import sorted_out
from ..kernel.command_line import whole_application
from ..session.installed import env_of

log = logging.getLogger(__name__)

#: What libraries read from the environment of the process, which all its kernels share: sign-in,
#: proxies, certificates, Jupyter's folders.
_OF_THE_PROCESS: Final = re.compile(
    r"AZURE_(?!SESSION_).*|IDENTITY_.*|MSI_.*|\w+_PROXY|\w+_proxy|SSL_CERT_.*|JUPYTER_DATA_DIR"
)


def find_spec(manager: KernelSpecManager, name: str) -> KernelSpec | None:
    """Of that name, or the one that ``pip install`` registers: a notebook may name any kernel, and
    a manager of this class runs it in a session all the same.
    """
    for one in (name, DEFAULT_NAME):
        try:
            spec = manager.get_kernel_spec(one)
        except NoSuchKernel:
            continue
        if runs_this_kernel(spec.argv):
            return spec
    return None


def environment_of(spec: KernelSpec | None, environ: Mapping[str, str]) -> dict[str, str]:
    """As jupyter_client makes it for a process.

    The log says what this process can't have for one kernel alone.
    """
    env = dict(environ)
    if spec is not None:
        told = env_of(Path(spec.resource_dir), spec.to_dict())
        env |= {name: Template(value).safe_substitute(env) for name, value in told.items()}
    of_the_process = filter(_OF_THE_PROCESS.fullmatch, env)
    differing = [name for name in of_the_process if os.environ.get(name) != env[name]]
    if differing:
        _name_unused(tuple(sorted(differing)))
    return env


@functools.cache
def _name_unused(names: tuple[str, ...]) -> None:
    """Once, not for each kernel."""
    log.warning(
        "without effect for one kernel among others in this process: %s. Set them for the "
        "process, before it starts",
        ", ".join(names),
    )


def session_arguments(spec: KernelSpec | None, extra: Sequence[str]) -> Sequence[str]:
    """Those of the command line that are for the session's interpreter."""
    return _sorted((*(spec.argv[3:] if spec is not None else ()), *extra))


@functools.lru_cache(maxsize=32)
def _sorted(argv: tuple[str, ...]) -> tuple[str, ...]:
    loader = KVArgParseConfigLoader(
        list(argv), kernel_aliases, kernel_flags, classes=_configurable(), log=log
    )
    arguments, unused = sorted_out(loader.load_config())
    if unused:
        log.warning("without effect in a session: %s", " ".join(unused))
    return tuple(arguments)


def _configurable() -> list[Any]:
    """What options may be of: a list's are repeated."""
    application = whole_application()
    classes: tuple[Any, ...] = (application, *application.classes)
    bases = [base for one in classes for base in one.__mro__ if issubclass(base, Configurable)]
    return list(dict.fromkeys(bases))
