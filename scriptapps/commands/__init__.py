"""What a script can do besides showing elements: one file per command.

Runs on: the script thread. Invariant: a command speaks to its own run and session, found through the run context.
"""
