"""IMDb's files in, documents out. Knows nothing of Elasticsearch."""
