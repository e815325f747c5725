"""A file of names in, the same file with who is meant out: constant memory, any number of rows, resumable.

`tables` knows the file formats, `asking` puts the names to whoever answers matches, `journal` keeps what was
answered, so that nothing is asked twice, and `run` puts the three together.
"""
