"""How the server is spoken to; `routes.py` is the list. Imports only `tokens` of ours."""
