"""The reindex as a use case: build a generation, check it, swap it in."""
