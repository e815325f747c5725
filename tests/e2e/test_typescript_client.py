"""The TypeScript client: its own tests against the running service, and its types against the API."""

from __future__ import annotations

import json
import os
import re
import shutil
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CLIENT = ROOT / "clients" / "typescript"


@pytest.fixture(scope="module")
def url(request: pytest.FixtureRequest) -> str:
    """The address of a service, which is started only where there is npm."""
    if not shutil.which("npm"):
        lack = "no npm: install Debian's `npm`, which brings what the TypeScript client is built with"
        if os.environ.get("CI") == "true":
            pytest.fail(lack)
        pytest.skip(lack)
    started: str = request.getfixturevalue("service_url")
    return started.rstrip("/")


@pytest.fixture(scope="module")
def package(url: str, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The package, built in a folder of its own, with its tests and the program of its README."""
    folder = tmp_path_factory.mktemp("clients") / "typescript"
    shutil.copytree(CLIENT, folder, ignore=shutil.ignore_patterns("node_modules", "dist", ".test"))
    run(folder, "npm", "ci", "--silent", "--no-audit", "--no-fund")
    (program,) = read_blocks("ts")
    program = program.replace("http://127.0.0.1:8000", url)
    (folder / "test" / "readme.ts").write_text(program)
    run(folder, "npm", "run", "compile", "--silent")
    return folder


def read_blocks(language: str) -> list[str]:
    """The blocks of a language in the client's README."""
    return re.findall(rf"```{language}\n(.*?)```", (CLIENT / "README.md").read_text(), re.DOTALL)


def run(folder: Path, *command: str, **environ: str) -> str:
    """Run a command of npm's; what it prints."""
    ended = subprocess.run(
        command, cwd=folder, env=os.environ | environ, capture_output=True, text=True, check=False
    )
    assert ended.returncode == 0, ended.stdout + ended.stderr
    return ended.stdout


def test_its_types_are_those_of_the_api(package: Path, tmp_path: Path) -> None:
    made = tmp_path / "schema.ts"
    command = json.loads((package / "package.json").read_text())["scripts"]["generate"].split()
    command[command.index("../../openapi.json")] = str(ROOT / "openapi.json")
    command[command.index("src/schema.ts")] = str(made)
    run(package, "npx", "--no-install", *command)
    assert made.read_text() == (CLIENT / "src" / "schema.ts").read_text(), (
        "the API has changed: `cd clients/typescript && npm run generate` makes the types anew"
    )


def test_it_does_what_it_says(package: Path, url: str) -> None:
    environ = {"MARQUEE_URL": url, "MARQUEE_OPENAPI": str(ROOT / "openapi.json")}
    said = run(package, "npm", "run", "test:run", "--silent", **environ)
    passed = re.search(r"^# pass (\d+)$", said, re.MULTILINE)
    assert passed and int(passed[1]) > 20, said


def test_the_readme_is_true(package: Path) -> None:
    """Its program prints what stands below it."""
    (printed,) = read_blocks("console")
    assert run(package, "node", ".test/readme.js") == printed


def test_what_is_packed_is_what_apps_need(package: Path) -> None:
    (packed,) = json.loads(run(package, "npm", "pack", "--json", "--dry-run", "--ignore-scripts", "--silent"))
    names = {each["path"] for each in packed["files"]}
    assert {"package.json", "README.md", "dist/index.js", "dist/index.d.ts"} <= names
    assert not [name for name in names if name.startswith(("src/", "test/"))]
    manifest = json.loads((CLIENT / "package.json").read_text())
    assert "dependencies" not in manifest
    assert '"resolved"' not in (CLIENT / "package-lock.json").read_text(), "no registry is named"
