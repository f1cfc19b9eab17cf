"""Prints the packages of a course's ``environment.yml`` as pip takes them; nothing without one.

``course.py FOLDER``. All of them come from PyPI, where most have the name that conda knows.
"""

import re
import sys
from pathlib import Path

import yaml

#: To PyPI's names, where another package has conda's.
NAMES = {"matplotlib-base": "matplotlib", "pytorch": "torch"}


def requirement(given: str) -> str:
    """``channel::name=1.2=build`` as ``name==1.2.*``; what pip takes too is left as it is."""
    name, version = re.fullmatch(r"(?:\S+::)?([\w.-]+)\s*(.*)", given.strip()).groups()
    fuzzy = re.fullmatch(r"=\s*([\w.]+?)(?:\.\*)?(?:=\S*)?", version)
    return NAMES.get(name, name) + (f"=={fuzzy[1]}.*" if fuzzy else version)


def check_python(wanted: str) -> None:
    have = f"{sys.version_info.major}.{sys.version_info.minor}"
    version = re.search(r"\d+(\.\d+)?", wanted)
    if version and not f"{have}.".startswith(f"{version[0]}.") and ">" not in wanted:
        sys.exit(f"environment.yml asks for {wanted}; the image has Python {have}: python={have}")


def main() -> None:
    path = Path(sys.argv[1], "environment.yml")
    found = yaml.safe_load(path.read_text()) if path.exists() else {}
    for one in found.get("dependencies") or ():
        if isinstance(one, dict):
            print(*one.get("pip", ()), sep="\n")
        elif re.match(r"python\b(?!-)", one):
            check_python(one)
        elif one != "pip":
            print(requirement(one))


if __name__ == "__main__":
    main()
