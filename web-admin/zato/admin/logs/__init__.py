"""Live logs of all servers."""
