"""Logging of all processes of a server: files.py for files that several processes share, writers.py for what writes to
them, config.py for logging.conf.
"""
