"""`manage.py scriptapps_triggers`: let PostgreSQL tell of writes that do not go through Django."""

from collections.abc import Iterator
from typing import Any

from django.apps import apps
from django.core.management.base import BaseCommand, CommandError, CommandParser
from django.db import DEFAULT_DB_ALIAS, DatabaseError, connections, transaction

from scriptapps.conf import SETTINGS_NAME, scriptapps_settings
from scriptapps.table_triggers import install_sql, remove_sql, tables_with_triggers


class Command(BaseCommand):
    """Make, remove and list the triggers by which pages learn of writes from outside Django."""

    help = "Triggers by which PostgreSQL tells open pages of writes from outside Django: psql, other programs."

    def add_arguments(self, parser: CommandParser) -> None:
        """How it is told."""
        parser.add_argument("action", choices=["install", "remove", "list"])
        parser.add_argument("names", nargs="*", metavar="name", help="an app, a model (shop.Order), or a table's name")
        parser.add_argument("--database", default=DEFAULT_DB_ALIAS, help="alias of a PostgreSQL database")
        parser.add_argument("--sql", action="store_true", help="print the statements, for a migration of your own")

    def handle(self, *args: Any, action: str, names: list[str], database: str, **options: Any) -> None:
        """Do it and say what was done. Raises CommandError."""
        if database not in connections:
            raise CommandError(f"There is no database {database!r}.")
        connection = connections[database]
        if connection.vendor != "postgresql":
            raise CommandError(f"{database!r} is no PostgreSQL database; only there triggers can tell of writes.")
        if action == "list":
            for table in tables_with_triggers(connection):
                self.stdout.write(table)
            return
        if not names:
            raise CommandError("Name at least one app, model or table.")
        tables = list(dict.fromkeys(table for name in names for table in named_tables(name)))
        statements = (install_sql if action == "install" else remove_sql)(connection, tables)
        if options["sql"]:
            self.stdout.write(";\n".join(statements) + ";")
            return
        try:
            with transaction.atomic(using=database), connection.cursor() as cursor:
                for statement in statements:
                    cursor.execute(statement)
        except DatabaseError as error:
            raise CommandError(f"Nothing was changed: {error}") from error
        done = "tell of writes" if action == "install" else "tell of nothing any more"
        self.stdout.write(f"These tables {done}: {', '.join(tables)}")
        if action == "install" and database not in scriptapps_settings.LISTEN_DATABASES:
            hint = f'Nobody listens: add {database!r} to {SETTINGS_NAME}["LISTEN_DATABASES"].'
            self.stdout.write(self.style.WARNING(hint))


def named_tables(name: str) -> Iterator[str]:
    """The tables that an app, a model or a table's own name stands for. Raises CommandError."""
    label, _, model = name.partition(".")
    config = next((one for one in apps.get_app_configs() if name in (one.name, one.label)), None)
    if config is not None:
        models = [one for one in config.get_models(include_auto_created=True) if one._meta.managed]
        yield from (one._meta.db_table for one in models if not one._meta.proxy)
    elif model and label in apps.app_configs:
        try:
            yield apps.get_model(label, model)._meta.db_table
        except LookupError as error:
            raise CommandError(str(error)) from error
    else:
        yield name
