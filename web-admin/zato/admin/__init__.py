"""The dashboard: a Django application of its own process that reaches servers through the admin API, and nothing else."""
