"""`python -m token_server` is `token-server`."""

from token_server.cli import main

if __name__ == "__main__":
    main()
