"""The composition root: settings in, ASGI app out. The one room that knows everybody.

It names nothing here, so that a command imports no more of it than it needs.
"""
