"""Live sessions and their runs: plain Python and threads.

Invariant: knows neither Django nor asyncio; what is Django's enters through ``options.RuntimeOptions``.
"""
