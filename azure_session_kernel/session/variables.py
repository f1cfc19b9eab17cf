"""Where the user's variables are: a loss is told once, before a cell (docs/design.md rule 3)."""

from __future__ import annotations

from .loss_errors import lost_while_idle


class Variables:
    """In which boot a notebook's variables are, until a cell has told that they are gone.

    "A boot has variables" means: a cell was sent there, or files were, or it had run cells before
    this kernel came. A boot that goes without any has lost nothing.

    :ivar cause: what is known of why they, or those that would have been, are gone.
    """

    def __init__(self) -> None:
        self._boot = self._told_of = ""
        self.cause = ""
        self.lost = False
        """Whether a cell has told that some were gone, and not because it was interrupted."""

    def are_in(self, boot: str) -> bool:
        return self._boot == boot

    def found_in(self, boot: str) -> None:
        """``boot`` has some. If those of another boot are not told to be gone, that comes first."""
        if not self._boot:
            self._boot = boot

    def check(self, boot: str) -> None:
        """Before ``boot`` gets a cell.

        :raises SessionLost: the variables went with another boot, and no cell has said so.
        """
        if self._boot not in ("", boot):
            self.told(self._boot)
            raise lost_while_idle(self.cause)

    def will_be_in(self, boot: str) -> None:
        """It gets a cell, or files."""
        self._boot = boot

    def gone_because(self, cause: str) -> None:
        """What is known of the reason, for the cell that will tell it."""
        self.cause = cause

    def told(self, boot: str) -> None:
        """A cell's error says that those in ``boot`` are gone. Another cell's may have before."""
        self._told_of = boot if self.are_in(boot) else ""
        if self._told_of:
            self.lost, self._boot = True, ""

    def not_told(self, boot: str) -> None:
        """No cell's error has said so after all, unless another's has."""
        if self._told_of == boot:
            self.lost = False
            self.found_in(boot)

    def forget(self) -> None:
        """There is nothing to tell: their boot never had any, or an interrupt has ended it."""
        self._boot = ""
