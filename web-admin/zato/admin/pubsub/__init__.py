"""Publish/subscribe: topics and subscriptions as they are now, what waits in queues, dead letters."""
