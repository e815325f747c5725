"""Marquee: typo-tolerant actor search and autocomplete on Elasticsearch."""

from importlib.metadata import version

__version__ = version("marquee-search")
