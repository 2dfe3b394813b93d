"""Data formats of channels: how the body of a request becomes a payload, and a payload the body of a response."""
