"""Staff who watch a session: whether they may (still), and that the people in it know.

Runs on: ``admit_observer`` and the checks on the database executor and the beat's thread. Invariant: an observer sees
and does nothing; that somebody watches never keeps a session alive, and an observer's sign-out ends nothing but the
watching.
"""

from __future__ import annotations

from collections.abc import Container, Iterable
from typing import Any

from scriptapps import identity
from scriptapps.permissions import may_act
from scriptapps.runtime.live_session import LiveSession
from scriptapps.runtime.viewer import Viewer

SIGNED_OUT, NO_RIGHT = 4401, 4403


def observers_of(session: LiveSession) -> list[Viewer]:
    """The staff who watch it."""
    return [viewer for viewer in session.viewers if viewer.read_only and viewer.visitor is not None]


def dismiss_signed_out(sessions: Iterable[LiveSession], user_ids: Container[Any], bindings: Container[str]) -> None:
    """These people have signed out, or their sign-in has been revoked: they watch nothing any more."""
    for session in sessions:
        for viewer in observers_of(session):
            if viewer.visitor and (viewer.visitor.user_id in user_ids or viewer.visitor.binding in bindings):
                viewer.dismiss(SIGNED_OUT, "signed out")


def check_observers(sessions: Iterable[LiveSession]) -> None:
    """Ask again whether these may watch; send away those who may not."""
    answers: dict[tuple[Any, str | None], int] = {}
    for session in sessions:
        for viewer in observers_of(session):
            visitor = viewer.visitor
            assert visitor is not None
            who = (visitor.user_id, visitor.session_key)
            if who not in answers:
                answers[who] = _verdict(visitor.user_id, visitor.session_key)
            if answers[who]:
                viewer.dismiss(answers[who], "may not watch any more")


def _verdict(user_id: Any, session_key: str | None) -> int:
    """The close code for this person, 0 if they may go on."""
    who = identity.load_identity(session_key)
    if not who.user.is_authenticated or who.user.pk != user_id:
        return SIGNED_OUT
    return 0 if may_act(who.user, "observe") else NO_RIGHT
