"""What the server remembers, behind the Redis protocol.

May import `tokens`, `leash`, and what all rooms share (docs/architecture.md).
"""
