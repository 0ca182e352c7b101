"""The page tree and its differences.

Runs on: the script thread unless said. Invariant: knows elements only as kind + bytes, never a particular element.
"""
