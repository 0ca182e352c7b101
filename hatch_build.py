"""The build hook: makes schema, browser client and stubs before hatchling packs wheel, sdist or editable install.

Runs on: the build machine. `python hatch_build.py` does the same in a clone without packing anything.
"""

import sys
from pathlib import Path
from typing import Any

ROOT = Path(__file__).resolve().parent
sys.path.insert(0, str(ROOT))


def get_build_hook() -> type:
    """Called by hatchling, the only place where hatchling can be imported."""
    from hatchling.builders.hooks.plugin.interface import BuildHookInterface

    from buildsteps import stamps
    from buildsteps.steps import STEPS

    class GeneratedFiles(BuildHookInterface):
        """Brings the generated files up to date in the source tree; `artifacts` in pyproject.toml packs them."""

        PLUGIN_NAME = "custom"

        def initialize(self, version: str, build_data: dict[str, Any]) -> None:
            stamps.run(ROOT, STEPS, report=self.app.display_info)

    return GeneratedFiles


if __name__ == "__main__":
    from buildsteps.__main__ import main

    sys.exit(main(sys.argv[1:]))
