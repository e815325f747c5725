"""Answers as HTML, for notebooks."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import msgspec

RENDERINGS: dict[type[msgspec.Struct], Callable[[Any], str]] = {}
