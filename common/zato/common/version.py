"""The version of Zato, read by setup.py and by everything that reports a version."""

version = '4.0.0.dev0'
