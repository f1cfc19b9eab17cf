"""Which arguments of the kernel's command line are the session's: those of the interpreter."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final

from jupyter_client.connect import ConnectionFileMixin
from traitlets.config.application import Application

#: Sections of this process, which take effect here or nowhere.
_HERE: Final = frozenset(
    {"Application", "BaseIPythonApplication", "ConnectionFileMixin", "ProfileDir", "Session"}
)
#: What short forms such as ``--matplotlib`` stand for is traitlets' choice.
_APPLICATION: Final = ("IPKernelApp", "AzureSessionKernelApp")
_OF_THE_PROCESS: Final = frozenset(
    {
        *Application.class_traits(config=True),
        *ConnectionFileMixin.class_own_traits(config=True),
        *("parent_handle", "interrupt"),
        # The rest is of BaseIPythonApplication.
        *("add_ipython_dir_to_sys_path", "auto_create", "copy_config_files"),
        *("overwrite", "verbose_crash"),
    }
)
#: They choose files and classes on this machine, which a session does not see. Nor does it get what
#: is of a section in a section.
_UNUSED: Final = frozenset(
    {"ProfileDir", "profile", "ipython_dir", "extra_config_file", "kernel_class"}
)


def sorted_out(config: Mapping[str, Any]) -> tuple[list[str], list[str]]:
    """The command line's configuration as arguments for the session, and what has no effect.

    :param config: of the sections, and what names none, such as ``--wrong=1``.
    """
    wanted: list[str] = []
    unused: list[str] = []
    for section, traits in config.items():
        if not isinstance(traits, Mapping):
            unused.append(f"--{section}")
            continue
        of_the_app = section in _APPLICATION
        for name, value in traits.items():
            if section in _UNUSED or name in _UNUSED or isinstance(value, Mapping):
                unused.append(f"--{section}.{name}")
            elif section not in _HERE and not (of_the_app and name in _OF_THE_PROCESS):
                begin = f"--{'IPKernelApp' if of_the_app else section}.{name}="
                wanted += [begin + one for one in _values(value)]
    return wanted, unused


def _values(value: Any) -> Iterator[str]:
    """A list's elements are arguments of their own."""
    if isinstance(value, list | tuple):
        yield from map(str, value)
    else:
        yield str(value)
