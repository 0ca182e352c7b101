"""What `manage.py` gains. Runs on: the command line."""
