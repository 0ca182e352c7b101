"""Live sessions and their runs: plain Python and threads.

Runs on: the script thread and whatever thread calls in; each module says.
Invariant: knows neither Django nor asyncio; what is Django's enters through ``options.RuntimeOptions``.
"""
