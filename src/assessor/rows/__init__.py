"""The rows of the database: one file a kind of thing, `store.Store` holds them together."""
