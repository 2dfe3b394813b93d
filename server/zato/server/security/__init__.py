"""Who may call: one module per method."""
