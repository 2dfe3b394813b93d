"""Run-time halves of security kinds, found by their presence."""
