"""Run-time halves of outgoing kinds, found by their presence."""
