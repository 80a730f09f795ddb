"""Print the lowest versions that pyproject.toml allows, as pip's constraints: `make lowest` tests with them.

python .ci/lowest.py EXTRA
"""

from __future__ import annotations

import re
import sys
import tomllib
from collections.abc import Iterator
from pathlib import Path

PROJECT = Path(__file__).parents[1] / "pyproject.toml"
REQUIREMENT = re.compile(r"(?P<name>[\w-]+)(?:\[(?P<extras>[\w,-]+)\])?(?:>=(?P<version>[\d.]+))?")


def lowest(project: dict, requirements: list[str]) -> Iterator[str]:
    """``name==version`` of each requirement, those of the project's own extras among them."""
    for requirement in requirements:
        found = REQUIREMENT.match(requirement)
        if found["name"] == project["name"]:
            for extra in found["extras"].split(","):
                yield from lowest(project, project["optional-dependencies"][extra])
        else:
            yield f"{found['name']}=={found['version']}"


if __name__ == "__main__":
    project = tomllib.loads(PROJECT.read_text(encoding="utf-8"))["project"]
    requirements = [*project["dependencies"], *project["optional-dependencies"][sys.argv[1]]]
    print(*dict.fromkeys(lowest(project, requirements)), sep="\n")
