"""What a step raises when it cannot make its files. Runs on: the build machine."""


class BuildError(Exception):
    """A step failed; the message is for the person who runs the build and names the remedy."""
