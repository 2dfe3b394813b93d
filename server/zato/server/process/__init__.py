"""The processes of a server: arbiter, workers, checker, and what holds each together."""
