"""The rules: what a token and a session are, and what each outcome means.

Imports nothing of ours; no I/O, no clock, no randomness.
"""
