"""Who may log in. May import `tokens`, and what all rooms share (docs/architecture.md)."""
