"""Settings of the demo site.

Started as it is, it needs nothing: DEBUG on, SQLite, everything in one process. The environment changes that:
DEBUG=0, SECRET_KEY, ALLOWED_HOSTS and CSRF_TRUSTED_ORIGINS (comma separated), DATABASE=postgres with PGHOST, PGPORT,
PGUSER, PGPASSWORD and PGDATABASE, SQLITE_PATH, REDIS_URL, STATIC_ROOT, UPLOAD_ROOT (where uploaded files are kept),
LOG_LEVEL, LOG_PROTOCOL=1, SCRIPTAPPS_DIRS (comma separated: more folders of scripts, searched first).
"""

import os
import tempfile
from pathlib import Path
from typing import Any

from django.core.exceptions import ImproperlyConfigured

BASE_DIR = Path(__file__).resolve().parent.parent


def env_flag(name: str, default: bool) -> bool:
    """True for 1, true, yes and on in the environment variable `name`; `default` where it is not set."""
    value = os.environ.get(name)
    return default if value is None else value.strip().lower() in {"1", "true", "yes", "on"}


def env_list(name: str) -> list[str]:
    """The comma separated items of the environment variable `name`."""
    return [item.strip() for item in os.environ.get(name, "").split(",") if item.strip()]


DEBUG = env_flag("DEBUG", True)
SECRET_KEY = os.environ.get("SECRET_KEY", "")
if not SECRET_KEY:
    if not DEBUG:
        raise ImproperlyConfigured("Set the environment variable SECRET_KEY: it has a default only while DEBUG is on.")
    SECRET_KEY = "django-insecure-for-development-on-this-machine-only-0123456789"
ALLOWED_HOSTS = ["localhost", "127.0.0.1", "[::1]", *env_list("ALLOWED_HOSTS")]
CSRF_TRUSTED_ORIGINS = env_list("CSRF_TRUSTED_ORIGINS")

INSTALLED_APPS = [
    "daphne",
    "channels",
    "django.contrib.admin",
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.messages",
    "django.contrib.staticfiles",
    "scriptapps",
    "project.shop",
]
MIDDLEWARE = [
    "django.middleware.security.SecurityMiddleware",
    "project.middleware.content_security_policy",
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.common.CommonMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
    "django.contrib.messages.middleware.MessageMiddleware",
    "django.middleware.clickjacking.XFrameOptionsMiddleware",
]
ROOT_URLCONF = "project.urls"
ASGI_APPLICATION = "project.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [BASE_DIR / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
                "django.contrib.messages.context_processors.messages",
            ],
        },
    },
]


def sqlite() -> dict[str, Any]:
    """SQLite as a site with many small writers needs it: readers beside a writer, and writers that wait in line."""
    return {
        "ENGINE": "django.db.backends.sqlite3",
        "NAME": os.environ.get("SQLITE_PATH", str(BASE_DIR / "db.sqlite3")),
        "OPTIONS": {
            "timeout": 20,
            "transaction_mode": "IMMEDIATE",
            "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
        },
        # A file, because the threads of a test each open their own connection to it.
        "TEST": {"NAME": str(Path(tempfile.gettempdir()) / f"scriptapps-test-{os.getpid()}.sqlite3")},
    }


def postgres() -> dict[str, Any]:
    """PostgreSQL from libpq's own variables.

    No CONN_MAX_AGE: under ASGI each request has a thread of its own, and what it keeps nobody uses again.
    """
    return {
        "ENGINE": "django.db.backends.postgresql",
        "HOST": os.environ.get("PGHOST", "127.0.0.1"),
        "PORT": os.environ.get("PGPORT", "5432"),
        "USER": os.environ.get("PGUSER", "postgres"),
        "PASSWORD": os.environ.get("PGPASSWORD", ""),
        "NAME": os.environ.get("PGDATABASE", "scriptapps"),
    }


DATABASE_KINDS = {"sqlite": sqlite, "postgres": postgres}
DATABASE = os.environ.get("DATABASE", "sqlite")
if DATABASE not in DATABASE_KINDS:
    raise ImproperlyConfigured(f"DATABASE is {DATABASE!r}; it may be one of: {', '.join(DATABASE_KINDS)}.")
DATABASES = {"default": DATABASE_KINDS[DATABASE]()}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"

REDIS_URL = os.environ.get("REDIS_URL", "")
CHANNEL_LAYERS: dict[str, dict[str, Any]] = {
    "default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [REDIS_URL]}}
    if REDIS_URL
    else {"BACKEND": "channels.layers.InMemoryChannelLayer"}
}

SCRIPTAPPS = {
    "DIRS": [*env_list("SCRIPTAPPS_DIRS"), BASE_DIR / "project" / "scripts"],
    "UPLOAD_ROOT": os.environ.get("UPLOAD_ROOT"),
}

LOGIN_URL = "/accounts/login/"
LOGIN_REDIRECT_URL = "/apps/"
LOGOUT_REDIRECT_URL = None
AUTH_PASSWORD_VALIDATORS = [
    {"NAME": "django.contrib.auth.password_validation.UserAttributeSimilarityValidator"},
    {"NAME": "django.contrib.auth.password_validation.MinimumLengthValidator"},
    {"NAME": "django.contrib.auth.password_validation.CommonPasswordValidator"},
]

LANGUAGE_CODE = "en"
TIME_ZONE = "Europe/Berlin"
USE_TZ = True

STATIC_URL = "static/"
STATICFILES_DIRS = [BASE_DIR / "project" / "static"]
STATIC_ROOT = os.environ.get("STATIC_ROOT", str(BASE_DIR / "staticfiles"))

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "formatters": {"line": {"format": "%(asctime)s %(levelname)s %(name)s: %(message)s"}},
    "handlers": {"console": {"class": "logging.StreamHandler", "formatter": "line"}},
    "loggers": {
        "scriptapps": {"handlers": ["console"], "level": os.environ.get("LOG_LEVEL", "INFO"), "propagate": False},
        # Every message of every websocket as JSON: for looking into, not for leaving on.
        "scriptapps.protocol": {"level": "DEBUG" if env_flag("LOG_PROTOCOL", False) else "INFO"},
    },
}
