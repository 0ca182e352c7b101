"""An AdminSite of the site's own, and script apps not mounted. Runs on: pytest."""

from django.contrib.admin import AdminSite
from django.urls import path

from scriptapps.admin import SavedSnapshotAdmin, ScriptAppAdmin, ScriptSessionAdmin
from scriptapps.models import SavedSnapshot, ScriptApp, ScriptSession

control = AdminSite(name="control")
control.register(ScriptApp, ScriptAppAdmin)
control.register(ScriptSession, ScriptSessionAdmin)
control.register(SavedSnapshot, SavedSnapshotAdmin)

urlpatterns = [path("control/", control.urls)]
