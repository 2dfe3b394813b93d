"""Run-time halves of the kinds of publish/subscribe, found by their presence."""
