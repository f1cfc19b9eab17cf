"""What every room needs: errors, bounded waits, private files, locks."""

import logging

# What this package logs must never fall through to a notebook's stderr (docs/design.md rule 5).
logging.getLogger("azure_session_kernel").addHandler(logging.NullHandler())
