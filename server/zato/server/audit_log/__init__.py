"""The audit log: messages that channels and connections received and sent."""
