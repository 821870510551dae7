"""Who may log in. May import `tokens` and `problems` only."""
