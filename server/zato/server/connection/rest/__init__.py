"""HTTP calls to other systems."""
