"""Builds the web client into the package, so that an installed wheel needs no Node."""

import shutil
import subprocess
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface


class WebClient(BuildHookInterface):  # type: ignore[type-arg]
    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """An editable install serves whatever was built last, or a page that says what to run."""
        built, source = Path(self.root, "src/kaif/web/index.html"), Path(self.root, "web")
        if version == "editable" or built.exists():
            return
        npm = shutil.which("npm")
        if npm is None or not source.is_dir():
            raise RuntimeError("The web client is not built: run `npm ci && npm run build` in web/ (Node ≥ 20.19).")
        for command in ([npm, "ci", "--no-audit", "--no-fund"], [npm, "run", "build"]):
            subprocess.run(command, cwd=source, check=True)  # noqa: S603
