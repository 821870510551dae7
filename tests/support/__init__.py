"""What several tests need: real things, made small."""
