"""The wire: bytes to messages and back.

Runs on: any thread (pure functions). Invariant: knows messages and limits, neither sessions nor elements.
"""
