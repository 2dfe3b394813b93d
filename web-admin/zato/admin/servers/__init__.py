"""Servers and their workers."""
