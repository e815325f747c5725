"""A request in, ranked hits out. Only `lookup` does I/O."""
