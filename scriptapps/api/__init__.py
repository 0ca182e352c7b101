"""The HTTP API: sessions found, looked into and steered by programs and pages of the site.

Runs on: request threads, never on the event loop. Invariant: one table of endpoints is what is served, what is checked
and what the OpenAPI document says; who may do what is asked of `permissions.Actor` alone.
"""
