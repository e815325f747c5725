"""IMDb's files in, documents out. Knows nothing of Elasticsearch."""

import os

# Before the first import of Polars: its allocator hands freed memory back after half a second and faults it
# in again for the next bucket. Kept for five, a million people take 35 instead of 41 s of CPU, for 90 MB.
os.environ.setdefault("_RJEM_MALLOC_CONF", f"dirty_decay_ms:5000,narenas:{os.cpu_count() or 1}")
