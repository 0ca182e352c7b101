"""The steps that make what git does not hold: protocol schema, browser client, editor stubs.

Runs on: the build machine, called by hatch_build.py (wheel, sdist, editable install) and by `python -m buildsteps`.
Invariant: the same sources give the same bytes; a step whose sources and outputs are unchanged does nothing.
"""
