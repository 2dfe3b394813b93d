"""Clients of a server's APIs."""
