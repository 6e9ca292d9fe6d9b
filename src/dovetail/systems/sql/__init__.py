"""SQL statements as trees; dialect differences are a table."""
