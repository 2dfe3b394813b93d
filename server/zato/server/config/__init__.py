"""What a worker reads from files while it runs."""
