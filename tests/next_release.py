"""The next release of Marquee, as far as an upgrade sees it: with another version of the mappings."""

from __future__ import annotations

import json
import re
import shutil
from pathlib import Path

import marquee
from marquee.engine.mappings import KINDS, MAPPING_VERSION, mapping_path, read_mapping

NEXT_VERSION = MAPPING_VERSION + 1


def make_next_release(folder: Path) -> dict[str, str]:
    """Put the next release there, whose actors have a field more; return what runs it, for an environment."""
    package = folder / "marquee"
    shutil.copytree(Path(marquee.__file__).parent, package, ignore=shutil.ignore_patterns("__pycache__"))
    mappings = package / "index_mappings"
    shutil.copytree(mapping_path("actors").parent, mappings, dirs_exist_ok=True)
    for kind in KINDS:
        definition = read_mapping(kind)
        if kind == "actors":
            definition["mappings"]["properties"]["pronunciation"] = {"type": "keyword"}
        definition["mappings"]["_meta"]["mapping_version"] = NEXT_VERSION
        (mappings / f"{kind}.v{NEXT_VERSION}.json").write_text(json.dumps(definition))
    code = package / "engine" / "mappings.py"
    text, constants = code.read_text(), {"MAPPING_VERSION": f"{NEXT_VERSION}"}
    constants["READABLE_VERSIONS"] = f"frozenset({{{MAPPING_VERSION}, {NEXT_VERSION}}})"
    for name, value in constants.items():
        text, replaced = re.subn(rf"^{name} = .*$", f"{name} = {value}", text, flags=re.MULTILINE)
        assert replaced == 1, name
    code.write_text(text)
    return {"PYTHONPATH": str(folder)}
