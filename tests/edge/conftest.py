"""The fixtures of a small site. Runs on: pytest. Invariant: none is used unless a test asks for it."""

from tests.live import site
from tests.site.fixtures import alice, folder, node, staff, superuser

__all__ = ["alice", "folder", "node", "site", "staff", "superuser"]
