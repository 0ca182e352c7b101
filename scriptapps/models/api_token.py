"""Bearer tokens of the HTTP API: what a program shows instead of a person's cookie.

Runs on: request threads. Invariant: the secret exists in its holder's hands only, here is its SHA-256; a token gives
nothing that its user does not have at that moment; what it gives is never widened after it was made.
"""

from __future__ import annotations

import hashlib
import hmac
import secrets
from datetime import datetime, timedelta

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.utils import timezone
from django.utils.translation import gettext_lazy as _

from scriptapps.models.script_app import ScriptApp

START = "sat_"
"""What the text of each token begins with, for tools that look for secrets in the wrong places."""
USE_NOTED_EVERY = timedelta(minutes=1)


class ApiToken(models.Model):
    """One token: whose it is, what for, and until when."""

    name = models.CharField(_("name"), max_length=100, help_text=_("What it is for: “nightly import”."))
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        # Without a user it gives nothing; the row stays as evidence.
        on_delete=models.SET_NULL,
        null=True,
        related_name="+",
        verbose_name=_("acts as"),
        help_text=_("It gives nothing that this person may not do at that moment."),
    )
    prefix = models.CharField(_("begins with"), max_length=20, unique=True, editable=False)
    digest = models.CharField(max_length=64, editable=False)
    # Acts of permissions.ACT_PERMISSIONS.
    scopes = models.JSONField(_("may"), default=list)
    every_script_app = models.BooleanField(_("for every script app"), default=False)
    script_apps = models.ManyToManyField(
        ScriptApp,
        verbose_name=_("for these script apps"),
        blank=True,
        related_name="+",
        help_text=_("It does not see sessions of other script apps."),
    )
    expires = models.DateTimeField(_("expires"), null=True, blank=True, help_text=_("Blank: when it is revoked."))
    revoked = models.DateTimeField(_("revoked"), null=True, blank=True, editable=False)
    last_used = models.DateTimeField(_("last used"), null=True, blank=True, editable=False)
    created = models.DateTimeField(_("created"), default=timezone.now, editable=False)
    created_by = models.ForeignKey(
        settings.AUTH_USER_MODEL,
        on_delete=models.SET_NULL,
        null=True,
        editable=False,
        related_name="+",
        verbose_name=_("created by"),
    )

    class Meta:
        verbose_name = _("API token")
        verbose_name_plural = _("API tokens")
        ordering = ("-pk",)
        default_permissions = ("add", "change", "view")

    def __str__(self) -> str:
        return self.name

    def make_secret(self) -> str:
        """Fill in prefix and digest (not saved); returns the text that is shown once."""
        self.prefix = START + secrets.token_hex(4)
        secret = secrets.token_urlsafe(32)
        self.digest = _digest(secret)
        return f"{self.prefix}.{secret}"

    @classmethod
    def of_text(cls, text: str) -> ApiToken | None:
        """The token of this text with its user as they are now; None for a text that is no token's."""
        prefix, _dot, secret = text.partition(".")
        found = cls._default_manager.filter(prefix=prefix).select_related("user").first() if _is_plain(prefix) else None
        # Compared in any case: how long it takes says nothing about which prefixes there are.
        fits = hmac.compare_digest(found.digest if found else _digest(""), _digest(secret))
        return found if fits and found else None

    def refusal(self, now: datetime | None = None) -> str:
        """Why it cannot be used (any more), "" when it can."""
        if self.revoked is not None:
            return "The token was revoked."
        if self.expires is not None and self.expires <= (now or timezone.now()):
            return "The token has expired."
        if self.user is None or not self.user.is_active:
            return "The token's user is not active."
        return ""

    def note_use(self) -> None:
        """Remember that it was used, at most once a minute."""
        now = timezone.now()
        stale = Q(last_used=None) | Q(last_used__lt=now - USE_NOTED_EVERY)
        if self.last_used is None or self.last_used < now - USE_NOTED_EVERY:
            type(self)._default_manager.filter(stale, pk=self.pk).update(last_used=now)


def _digest(secret: str) -> str:
    return hashlib.sha256(secret.encode("utf-8", "replace")).hexdigest()


def _is_plain(prefix: str) -> bool:
    return prefix.isascii() and prefix.isprintable() and 0 < len(prefix) <= 20
