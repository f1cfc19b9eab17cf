"""The kernels that notebooks run with: parts of this process, whose settings the run decides."""

from __future__ import annotations

from typing import Any

from jupyter_client.kernelspec import KernelSpecManager

from ..batch import SessionKernelManager

#: Where there is no kernelspec that could bring settings of its own.
_NO_KERNELSPECS = KernelSpecManager(kernel_dirs=[])


class RunKernelManager(SessionKernelManager):
    """Its settings are those of ``env`` alone."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"kernel_spec_manager": _NO_KERNELSPECS, **options})
