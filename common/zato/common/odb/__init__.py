"""The operational database (ODB): configuration, deployed modules, leases and workers, on SQLite or PostgreSQL."""
