"""The smallest site that can serve script apps: it is started by the harness, in a process of its own."""
