"""A site for one test: a folder of scripts of its own, people, and a node that only takes notes.

Runs on: pytest. Invariant: the demo site's own scripts are out of sight; nothing here starts a thread.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pytest
from django.contrib.auth.models import User


@dataclass
class ScriptFolder:
    """A `scripts/` folder; it is the only entry of SCRIPTAPPS["DIRS"]."""

    path: Path

    def write(self, name: str, text: str = "", *, encoding: str = "utf-8") -> Path:
        """Put a file into the folder."""
        path = self.path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(text, encoding=encoding)
        return path


@dataclass
class NoteTakingNode:
    """Stands in for the process's node at the edge."""

    preheated: list[tuple[Any, str, str, str | None]] = field(default_factory=list)
    asked: list[tuple[str, str, str]] = field(default_factory=list)
    session_id: str = ""
    may_resume: bool = False

    @property
    def opening(self) -> NoteTakingNode:
        """Takes these notes as well."""
        return self

    def preheat(self, who: Any, source: Any, row: Any) -> str:
        """Notes who preheats what."""
        self.preheated.append((who.user, who.binding, source.slug, who.session_key))
        return self.session_id

    def resumable(self, session_id: str, binding: str, user: Any, slug: str) -> bool:
        """Notes what was asked."""
        self.asked.append((session_id, binding, slug))
        return self.may_resume


@pytest.fixture
def folder(tmp_path: Path, settings: Any) -> ScriptFolder:
    """The one script folder of the site."""
    path = tmp_path / "scripts"
    path.mkdir()
    settings.SCRIPTAPPS = {"DIRS": [path]}
    return ScriptFolder(path)


@pytest.fixture
def node(monkeypatch: pytest.MonkeyPatch) -> NoteTakingNode:
    """The node that pages talk to."""
    taking_notes = NoteTakingNode()
    monkeypatch.setattr("scriptapps.shell.get_node", lambda: taking_notes)
    monkeypatch.setattr("scriptapps.views.get_node", lambda: taking_notes)
    return taking_notes


@pytest.fixture
def alice(db: None) -> User:
    """Somebody without any right."""
    return User.objects.create_user("alice")


@pytest.fixture
def staff(db: None) -> User:
    """Staff without any right of their own."""
    return User.objects.create_user("staff", is_staff=True)


@pytest.fixture
def superuser(db: None) -> User:
    """Somebody who holds every permission."""
    return User.objects.create_superuser("root")
