"""Watches the site for events that may change what somebody may open, and says so by one signal, `access_changed`.

Runs on: request threads, after commit. Knows nothing of sockets: whoever holds them listens.
Invariant: this only makes revocation quick; what no signal tells (QuerySet.update, another store) the periodic
re-validation finds.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from django.apps import apps
from django.contrib.auth import get_user_model
from django.contrib.auth.models import Group
from django.contrib.auth.signals import user_logged_in, user_logged_out
from django.db import router, transaction
from django.db.models.signals import m2m_changed, post_delete, post_save, pre_delete
from django.dispatch import Signal

from scriptapps import identity, signals
from scriptapps.models import ScriptApp, ScriptSession

# Saves of a user that say nothing about what he may do.
IRRELEVANT_USER_FIELDS = frozenset({"last_login"})
M2M_DONE = frozenset({"post_add", "post_remove", "post_clear"})


def connect_receivers() -> None:
    """Called once by the AppConfig."""
    user_model = get_user_model()
    connections: list[tuple[Signal, Callable[..., None], Any]] = [
        (user_logged_out, on_sign_out, None),
        (user_logged_in, on_sign_in, None),
        (post_save, on_user_saved, user_model),
        (pre_delete, on_user_deleted, user_model),
        (post_save, on_script_app_changed, ScriptApp),
        (post_delete, on_script_app_changed, ScriptApp),
        (m2m_changed, on_script_app_groups, ScriptApp.groups.through),
        (post_save, on_group_changed, Group),
        (post_delete, on_group_changed, Group),
        (m2m_changed, on_group_permissions, Group.permissions.through),
    ]
    for field in ("groups", "user_permissions"):
        relation = getattr(user_model, field, None)
        if through := getattr(relation, "through", None):
            connections.append((m2m_changed, on_user_relation, through))
    if apps.is_installed("django.contrib.sessions"):
        connections.append((post_delete, on_django_session_deleted, apps.get_model("sessions", "Session")))
    for signal, receiver, sender in connections:
        signal.connect(receiver, sender=sender, dispatch_uid=f"scriptapps.{receiver.__name__}.{sender}")


def announce(
    sender: Any,
    reason: str,
    *,
    user_ids: list[Any] | None = None,
    bindings: list[str] | None = None,
    slugs: list[str] | None = None,
    everyone: bool = False,
    revoked: bool = False,
) -> None:
    """Send `access_changed` once the current transaction, if any, has committed."""
    details = {
        "reason": reason,
        "user_ids": user_ids or [],
        "bindings": bindings or [],
        "slugs": slugs or [],
        "everyone": everyone,
        "revoked": revoked,
    }
    using = router.db_for_write(ScriptSession)
    transaction.on_commit(lambda: signals.access_changed.send_robust(sender=sender, **details), using=using)


def on_sign_out(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """The browser's binding dies with the session: what belongs to it is closed, in every tab."""
    if binding := _binding_hash(getattr(request, "session", None)):
        announce(sender, "signed out", bindings=[binding], revoked=True)


def on_sign_in(sender: Any, request: Any, user: Any, **kwargs: Any) -> None:
    """The browser may now belong to somebody else."""
    if binding := _binding_hash(getattr(request, "session", None)):
        announce(sender, "signed in", bindings=[binding])


def on_user_saved(sender: Any, instance: Any, created: bool, update_fields: Any = None, **kwargs: Any) -> None:
    """Password, activity or staff status may be different now."""
    if not created and not (update_fields and IRRELEVANT_USER_FIELDS.issuperset(update_fields)):
        announce(sender, "user changed", user_ids=[instance.pk])


def on_user_deleted(sender: Any, instance: Any, **kwargs: Any) -> None:
    """Before the rows lose their owner: end what is his."""
    # First, so that the pages of this process say why rather than that staff closed them.
    announce(sender, "user deleted", user_ids=[instance.pk], revoked=True)
    ScriptSession.objects.filter(user_id=instance.pk).close()


def on_user_relation(sender: Any, instance: Any, action: str, reverse: bool, pk_set: Any, **kwargs: Any) -> None:
    """Somebody joined or left a group, or got or lost a permission."""
    if action not in M2M_DONE:
        return
    if not reverse:
        announce(sender, "rights changed", user_ids=[instance.pk])
    elif pk_set:
        announce(sender, "rights changed", user_ids=sorted(pk_set))
    else:
        announce(sender, "rights changed", everyone=True)


def on_group_permissions(sender: Any, action: str, **kwargs: Any) -> None:
    """A group got or lost a permission; who is in it is the policy's business."""
    if action in M2M_DONE:
        announce(sender, "group's rights changed", everyone=True)


def on_group_changed(sender: Any, created: bool = False, **kwargs: Any) -> None:
    """Rules name groups, so a renamed or deleted group changes them."""
    if not created:
        announce(sender, "group changed", everyone=True)


def on_script_app_changed(sender: Any, instance: ScriptApp, created: bool = False, **kwargs: Any) -> None:
    """Staff enabled, disabled, opened or restricted a script app."""
    if not created:
        announce(sender, "script app changed", slugs=[instance.slug])


def on_script_app_groups(sender: Any, instance: Any, action: str, **kwargs: Any) -> None:
    """The groups that may open a script app were changed."""
    if action in M2M_DONE:
        slugs = [instance.slug] if isinstance(instance, ScriptApp) else []
        announce(sender, "script app's groups changed", slugs=slugs, everyone=not slugs)


def on_django_session_deleted(sender: Any, instance: Any, **kwargs: Any) -> None:
    """A Django session ended. Signing in replaces the row too, so this asks again rather than revokes."""
    if binding := _binding_hash(instance.get_decoded()):
        announce(sender, "session deleted", bindings=[binding])


def _binding_hash(session: Any) -> str:
    binding = session.get(identity.BINDING_KEY) if session is not None else None
    return identity.binding_hash(binding) if binding else ""
