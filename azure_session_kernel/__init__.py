"""A Jupyter kernel whose cells run in an Azure Container Apps session pool."""

import logging

__version__ = "0.2.0"

# What this package logs must never fall through to a notebook's stderr (docs/design.md rule 5).
logging.getLogger(__name__).addHandler(logging.NullHandler())
