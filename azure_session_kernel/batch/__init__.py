"""Kernels without a process of their own, for programs that run many notebooks (docs/batch.md).

``NotebookClient(nb, kernel_manager_class=SessionKernelManager)`` is all that nbclient needs.
"""

from .client import SessionKernelClient
from .manager import SessionKernelManager

__all__ = ["SessionKernelClient", "SessionKernelManager"]
