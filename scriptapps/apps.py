"""The Django app's entry: registers what registers itself.

Runs on: start-up. Invariant: `ready()` only connects; it starts nothing and asks no database.
"""

from __future__ import annotations

from django.apps import AppConfig
from django.utils.translation import gettext_lazy as _


class ScriptAppsConfig(AppConfig):
    """Registers checks and receivers, and teaches tables to read QuerySets."""

    name = "scriptapps"
    label = "scriptapps"
    verbose_name = _("Script apps")
    default_auto_field = "django.db.models.BigAutoField"

    def ready(self) -> None:
        """Connect; models and settings are loaded by now, which is why the imports stand here."""
        from scriptapps import hints, watcher
        from scriptapps.checks import register_checks
        from scriptapps.query_count import connect_query_count
        from scriptapps.receivers import connect_receivers
        from scriptapps.state_types import register_state_types
        from scriptapps.table_watch import connect_table_watch
        from scriptapps.tables import register_tables

        register_checks()
        connect_receivers()
        register_tables()
        register_state_types()
        connect_table_watch()
        connect_query_count()
        watcher.connect()
        hints.connect()
