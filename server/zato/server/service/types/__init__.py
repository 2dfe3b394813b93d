"""The run-time half of services as objects of configuration, found by its presence."""
