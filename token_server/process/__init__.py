"""How the server lives as processes: one parent, one worker per core, and the store it runs.

The parent answers no request. It loads the settings once, holds the listening sockets, starts the
workers, replaces those that die, keeps the embedded store alive, and drains all of them at the
end. No process outlives it.
"""
