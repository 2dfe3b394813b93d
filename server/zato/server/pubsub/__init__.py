"""Publish/subscribe: what was published is kept until it is delivered."""
