"""`make bench`: measures, prints one page, and writes it as JSON too."""

import sys

from bench import refresh

if __name__ == "__main__":
    for figure in refresh.measure([("embedded", 1)] if "--only" in sys.argv else ()):
        sys.stdout.write(figure.told() + "\n")
