"""A standalone OAuth 2.0 token server: exchanges, rotates, revokes and verifies tokens."""
