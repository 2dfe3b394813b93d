"""Users of the dashboard: who they are, how they log in, what they prefer."""
