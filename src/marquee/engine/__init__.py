"""Everything that speaks Elasticsearch."""
