"""Tokens of the HTTP API and the audit in the admin.

Runs on: request threads. Works on any AdminSite and under a strict Content-Security-Policy.
Invariant: people make tokens that act as themselves, superusers for anybody; a token is shown once, then only revoked;
audit records are read, nothing else.
"""

from __future__ import annotations

from typing import Any

from django import forms
from django.contrib import admin, messages
from django.contrib.admin.models import CHANGE, LogEntry
from django.db import transaction
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse
from django.template.response import TemplateResponse
from django.utils import timezone
from django.utils.translation import gettext, ngettext
from django.utils.translation import gettext_lazy as _

from scriptapps import audit
from scriptapps.models import ApiToken, AuditRecord
from scriptapps.permissions import ACT_PERMISSIONS

# No form, message or session ever holds the secret: it goes from the row's making into one answer.
SECRET = "_scriptapps_secret"


class ApiTokenForm(forms.ModelForm):
    """A new token; one that would give nothing is refused."""

    scopes = forms.MultipleChoiceField(
        label=_("May"),
        choices=[(act, f"{act} ({permission})") for act, permission in ACT_PERMISSIONS.items()],
        widget=forms.CheckboxSelectMultiple,
        help_text=_("Each needs the permission of the person it acts as, too."),
    )

    class Meta:
        model = ApiToken
        fields = ("name", "user", "scopes", "every_script_app", "script_apps", "expires")

    def clean(self) -> dict[str, Any]:
        """Which script apps has to be said, and the end lies ahead."""
        cleaned = super().clean() or {}
        if not cleaned.get("every_script_app") and not cleaned.get("script_apps"):
            self.add_error("script_apps", gettext("Choose script apps, or every script app."))
        expires = cleaned.get("expires")
        if expires is not None and expires <= timezone.now():
            self.add_error("expires", gettext("This moment has passed."))
        return cleaned


@admin.register(ApiToken)
class ApiTokenAdmin(admin.ModelAdmin):
    """Tokens are made and revoked; what one gives never changes."""

    form = ApiTokenForm
    list_display = ("name", "user", "prefix", "status", "may", "where", "expires", "last_used")
    list_select_related = ("user",)
    list_filter = ("every_script_app", "script_apps")
    search_fields = ("name", "prefix")
    raw_id_fields = ("user",)
    filter_horizontal = ("script_apps",)
    actions = ("revoke",)

    def get_queryset(self, request: HttpRequest) -> QuerySet[ApiToken]:
        """With what the list says about script apps."""
        return super().get_queryset(request).prefetch_related("script_apps")

    def get_fields(self, request: HttpRequest, obj: ApiToken | None = None) -> list[Any]:
        """A new one asks for what it gives; only superusers choose whom it acts as."""
        if obj is not None:
            return ["name", "user", "prefix", "status", "may", "where", "expires", "last_used", "created", "created_by"]
        whose = ["user"] if request.user.is_superuser else []
        return ["name", *whose, "scopes", "every_script_app", "script_apps", "expires"]

    def has_change_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """A token that gives more tomorrow than it did when it was handed over is another token."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: ApiToken | None = None) -> bool:
        """Revoked ones remain as evidence."""
        return False

    def has_revoke_permission(self, request: HttpRequest) -> bool:
        """The model's change permission."""
        return bool(request.user.has_perm("scriptapps.change_apitoken"))

    def save_model(self, request: HttpRequest, obj: ApiToken, form: Any, change: bool) -> None:
        """Make the secret, and note who made the token for whom."""
        if not request.user.is_superuser:
            obj.user_id = request.user.pk
        obj.created_by_id = request.user.pk
        setattr(request, SECRET, obj.make_secret())
        super().save_model(request, obj, form, change)
        detail = f"{obj.name} ({obj.prefix}) as {obj.user}: {', '.join(obj.scopes)}"
        audit.record("make token", by=request.user, via="admin", detail=detail)

    def response_add(self, request: HttpRequest, obj: ApiToken, post_url_continue: str | None = None) -> HttpResponse:
        """Show it, this once."""
        context = {
            **self.admin_site.each_context(request),
            "opts": self.opts,
            "title": gettext("The token “%s”") % obj.name,
            "secret": getattr(request, SECRET),
        }
        request.current_app = self.admin_site.name
        answer = TemplateResponse(request, "scriptapps/admin/token.html", context)
        answer.headers["Cache-Control"] = "no-store, private"
        return answer

    @admin.action(permissions=["revoke"], description=_("Revoke selected tokens"))
    def revoke(self, request: HttpRequest, queryset: QuerySet[ApiToken]) -> None:
        """They give nothing from now on."""
        with transaction.atomic():
            tokens = list(queryset.filter(revoked=None))
            for token in tokens:
                audit.record("revoke token", by=request.user, via="admin", detail=f"{token.name} ({token.prefix})")
            ApiToken.objects.filter(pk__in=[token.pk for token in tokens]).update(revoked=timezone.now())
            if tokens:
                user_pk: Any = request.user.pk
                LogEntry.objects.log_actions(user_pk, tokens, CHANGE, gettext("Revoked."))
        text = ngettext("%d token was revoked.", "%d tokens were revoked.", len(tokens))
        self.message_user(request, text % len(tokens), messages.SUCCESS)

    @admin.display(description=_("now"))
    def status(self, obj: ApiToken) -> str:
        """Whether it can be used, and if not, why."""
        return obj.refusal() or gettext("It can be used.")

    @admin.display(description=_("may"))
    def may(self, obj: ApiToken) -> str:
        """Its acts."""
        return ", ".join(obj.scopes)

    @admin.display(description=_("for"))
    def where(self, obj: ApiToken) -> str:
        """Its script apps."""
        if obj.every_script_app:
            return gettext("every script app")
        return ", ".join(row.slug for row in obj.script_apps.all()) or "–"


@admin.register(AuditRecord)
class AuditRecordAdmin(admin.ModelAdmin):
    """Who did what to whose sessions. Read only, for everybody."""

    list_display = ("created", "who", "via", "act", "script_app", "count", "outcome", "detail")
    list_filter = ("via", "act", "outcome", "script_app")
    search_fields = ("actor_name", "token", "script_app", "detail", "session_id__istartswith")
    date_hierarchy = "created"

    def has_add_permission(self, request: HttpRequest) -> bool:
        """Written by acts only."""
        return False

    def has_change_permission(self, request: HttpRequest, obj: AuditRecord | None = None) -> bool:
        """Written once."""
        return False

    def has_delete_permission(self, request: HttpRequest, obj: AuditRecord | None = None) -> bool:
        """Time alone takes them away (AUDIT_DAYS)."""
        return False

    @admin.display(description=_("who"), ordering="actor_name")
    def who(self, obj: AuditRecord) -> str:
        """The name at that time, and the token."""
        return ", ".join(filter(None, [obj.actor_name, obj.token])) or "–"
