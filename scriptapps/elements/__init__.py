"""Everything a script can show: one file per element; the declaration is the registration.

Runs on: the script thread. Invariant: an element turns its arguments into one message and places it; it keeps nothing.
"""
