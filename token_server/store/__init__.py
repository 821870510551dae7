"""What the server remembers, behind the Redis protocol. May import `tokens` only."""
