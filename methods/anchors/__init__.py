"""Reference rows: images that no method makes. A row that does no better than they do has learned nothing."""
