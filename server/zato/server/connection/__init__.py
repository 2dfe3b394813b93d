"""Outgoing connections, one module per type."""
