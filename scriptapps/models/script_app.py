"""What may be opened: a script app as the site's staff configure it.

Runs on: request threads and the database executor. Invariant: a blank field means "as the script's first lines say".
"""

from __future__ import annotations

from django.core.validators import MinValueValidator, RegexValidator
from django.db import models
from django.urls import reverse
from django.utils.translation import gettext_lazy as _

SLUG_PATTERN = r"^[A-Za-z0-9][A-Za-z0-9_-]{0,63}$"


class ScriptApp(models.Model):
    """One script app as the site's staff configure it. Blank fields mean: as the script's file declares it."""

    class Access(models.TextChoices):
        """Who may open it; blank stands for the declaration of the script."""

        DECLARED = "", _("as the script declares")
        PUBLIC = "public", _("everybody, without signing in")
        SIGNED_IN = "signed_in", _("everybody who is signed in")
        STAFF = "staff", _("staff")
        PERMISSION = "permission", _("holders of a permission")
        GROUPS = "groups", _("members of groups")

    class Scope(models.TextChoices):
        """Who shares one session; blank stands for the declaration of the script."""

        DECLARED = "", _("as the script declares")
        TAB = "tab", _("nobody: each tab has its own")
        BROWSER = "browser", _("the tabs of one browser")
        USER = "user", _("all pages of one person")

    slug = models.CharField(
        _("slug"),
        max_length=64,
        unique=True,
        validators=[RegexValidator(SLUG_PATTERN)],
        help_text=_("The file's name without .py; also the address of its page."),
    )
    title = models.CharField(_("title"), max_length=200, blank=True, help_text=_("Blank: as the script declares."))
    enabled = models.BooleanField(
        _("enabled"), default=True, help_text=_("A disabled script app cannot be opened; its open pages are closed.")
    )
    closed_message = models.CharField(
        _("message while disabled"),
        max_length=300,
        blank=True,
        help_text=_("Shown to the people whose pages close, and to those who come and could open it otherwise."),
    )
    description = models.CharField(
        _("description"), max_length=300, blank=True, help_text=_("Stands on the index. Blank: as the script declares.")
    )
    category = models.CharField(
        _("category"),
        max_length=100,
        blank=True,
        help_text=_("The index has a part for each. Blank: as the script declares."),
    )
    order = models.IntegerField(
        _("order"),
        null=True,
        blank=True,
        help_text=_("Smaller numbers come first on the index. Blank: as the script declares, otherwise 0."),
    )
    access = models.CharField(_("who may open it"), max_length=20, choices=Access, blank=True, default=Access.DECLARED)
    permission = models.CharField(
        _("permission"), max_length=200, blank=True, help_text=_("For example shop.view_order; used with “permission”.")
    )
    groups = models.ManyToManyField(
        "auth.Group",
        verbose_name=_("groups"),
        blank=True,
        related_name="+",
        help_text=_("Members of any of these may open it; used with “groups”."),
    )
    deadline_seconds = models.FloatField(
        _("deadline in seconds"),
        null=True,
        blank=True,
        validators=[MinValueValidator(0.1)],
        help_text=_("A run that takes longer is stopped. Blank: as the script declares."),
    )
    memory_limit_mb = models.FloatField(
        _("memory of a session in MB"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("An estimate of page, state and values. A session above it runs no more. Blank: as declared."),
    )
    sessions_per_user = models.PositiveIntegerField(
        _("sessions per user"),
        null=True,
        blank=True,
        validators=[MinValueValidator(1)],
        help_text=_("Live sessions of one person, or of one browser without signing in. Blank: as declared."),
    )
    scope = models.CharField(
        _("who shares a session"),
        max_length=10,
        choices=Scope,
        blank=True,
        default=Scope.DECLARED,
        help_text=_("Holds for sessions that begin from now on."),
    )
    source_path = models.CharField(_("source"), max_length=500, blank=True, editable=False)
    created = models.DateTimeField(_("created"), auto_now_add=True)
    updated = models.DateTimeField(_("updated"), auto_now=True)

    class Meta:
        verbose_name = _("script app")
        verbose_name_plural = _("script apps")
        ordering = ("slug",)

    def __str__(self) -> str:
        return self.title or self.slug

    def get_absolute_url(self) -> str:
        """The address of its page."""
        return reverse("scriptapps:page", args=[self.slug])
