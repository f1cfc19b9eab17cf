from __future__ import annotations

from collections.abc import Iterator

import pytest

from .adapter_process import AdapterProcess, Kernel, running_adapter


@pytest.fixture(scope="session")
def shared_adapter(isolated_environment: dict[str, str]) -> Iterator[AdapterProcess]:
    """One process for all tests that leave a usable session behind."""
    with running_adapter() as adapter:
        yield adapter


@pytest.fixture
def kernel(shared_adapter: AdapterProcess) -> Kernel:
    """A kernel of this test's own, which has just claimed the session."""
    kernel = Kernel(shared_adapter)
    kernel.hello()
    return kernel
