"""Events of the site for the pages that listen for them: ``send_event``.

Runs on: any code of the site, in any process; not on an event loop (``asend_event`` is for that). Invariant: an event
is recorded for each session in the caller's transaction, and is heard once by each.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import Any, Unpack

from asgiref.sync import sync_to_async
from django.contrib.auth.models import AbstractBaseUser
from django.db.models import QuerySet
from django.utils import timezone

from scriptapps.errors import NotDurableError, SteeringError
from scriptapps.models import ScriptSession, SessionRequest
from scriptapps.models.steering import TIMEOUT, Act, Asking, asteer, steer
from scriptapps.models.steering_report import SteeringReport
from scriptapps.runtime.state_codec import encode_value

NEW = timedelta(seconds=5)
"""The row of a session that is younger may not say yet what its page listens for."""


def send_event(
    name: str,
    payload: Any = None,
    *,
    to: Any = None,
    wait: bool = False,
    timeout: float = TIMEOUT,
    **asking: Unpack[Asking],
) -> SteeringReport:
    """Send an event to the pages that listen for it with ``st.on_event(name)``.

    ``payload`` is anything that ``session_state`` can store. ``to``: a user, a queryset of users or of script sessions;
    without it every live session that listens. Raises SteeringError for a payload that cannot travel.
    """
    return steer(_listening(name, to), _event(name, payload), asking, wait, timeout)


async def asend_event(
    name: str,
    payload: Any = None,
    *,
    to: Any = None,
    wait: bool = False,
    timeout: float = TIMEOUT,
    **asking: Unpack[Asking],
) -> SteeringReport:
    """`send_event` for async code."""
    sessions = await sync_to_async(_listening)(name, to)
    return await asteer(sessions, _event(name, payload), asking, wait, timeout)


def _event(name: str, payload: Any) -> Act:
    try:
        text = json.dumps(json.loads(encode_value(payload)), separators=(",", ":"))
    except NotDurableError as reason:
        raise SteeringError(f"The payload of the event {name!r} cannot be sent: {reason}.") from None
    return Act(SessionRequest.Kind.EVENT, {"name": name, "event": text}, parked="nothing")


def _listening(name: str, to: Any) -> Any:
    sessions = ScriptSession.objects.live()
    if isinstance(to, QuerySet) and to.model is ScriptSession:
        sessions = sessions.filter(pk__in=list(to.values_list("pk", flat=True)))
    elif isinstance(to, AbstractBaseUser):
        sessions = sessions.filter(user_id=to.pk)
    elif to is not None:
        sessions = sessions.filter(user__in=to)
    border = timezone.now() - NEW
    found = sessions.order_by().values_list("pk", "listens_to", "created")
    # Databases differ in how they look into JSON, and there are not many.
    return ScriptSession.objects.filter(
        pk__in=[key for key, names, created in found if name in names or created > border]
    )
