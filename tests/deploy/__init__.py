"""What is in ``deploy/``, read as Docker, Bicep and Terraform read it."""

import json
from pathlib import Path
from typing import Any, Final

ROOT: Final = Path(__file__).parents[2]
DEPLOY: Final = ROOT / "deploy"
NAMES: Final[dict[str, Any]] = json.loads((DEPLOY / "names.json").read_text())
