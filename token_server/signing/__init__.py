"""What it signs with: keys, their life, tokens as compact JWS, the public JWK Set.

Imports `tokens` and `problems`, nothing else of ours.
"""
