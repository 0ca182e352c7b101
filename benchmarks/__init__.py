"""What a rerun costs, measured over a real server and a real websocket, beside a bare echo over the same server.

`python -m benchmarks --help`; how to read the figures stands in docs/performance.md.
"""
