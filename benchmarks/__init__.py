"""Measurements of Marquee, not part of the package: each module is a command, `python -m benchmarks.load`."""

from importlib.util import find_spec

if find_spec("aiohttp") is None:
    raise SystemExit(
        "the benchmarks compare with a bare aiohttp client: pip install -c constraints.txt -e '.[local,dev]'"
    )
