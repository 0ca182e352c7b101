"""One module for each command. Runs on: the command line."""
