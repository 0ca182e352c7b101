"""Several server processes on this machine, as a site has them that has outgrown one: `make cluster`.

Runs on: the command line. Invariant: everything listens on loopback only, data is thrown away, and whatever was started
is ended by its process id.
"""
