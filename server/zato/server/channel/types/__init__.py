"""Run-time halves of channel kinds, found by their presence."""
