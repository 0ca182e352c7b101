"""A site without any static file in its source folders. Runs on: pytest."""

from django.contrib.staticfiles.finders import FileSystemFinder


class NothingFinder(FileSystemFinder):
    """Finds nothing."""

    def find(self, path, find_all=False, **kwargs):
        """Nothing."""
        return [] if find_all else None
