"""Interactive pages from plain Python scripts, inside a Django site.

Runs on: any thread. Invariant: importing this package loads nothing else; scripts write `from scriptapps import st`.
"""

__version__ = "0.1.0"
