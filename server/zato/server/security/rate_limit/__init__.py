"""How many requests are let in: rules, windows of time, and counts, of one worker or of the whole cluster."""
