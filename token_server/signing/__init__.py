"""What it signs with: keys, their life, tokens as compact JWS, the public JWK Set.

May import `tokens`, and what all rooms share (docs/architecture.md).
"""
