"""Settings of the measured site: production-like (DEBUG off), a database that is thrown away, no rate limits.

Runs on: the server process. The harness names the folder of the SQLite file in BENCHMARK_FOLDER, the state store in
BENCHMARK_STORE, a database of PostgreSQL, where it is to be that, in BENCHMARK_POSTGRES, with PGHOST and so on, and the
address of a channel layer in Redis, where there is one, in BENCHMARK_REDIS.
"""

import os
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve().parent

DEBUG = False
SECRET_KEY = "only-for-a-server-on-loopback-that-lives-for-a-minute-0123456789"
ALLOWED_HOSTS = ["127.0.0.1"]
INSTALLED_APPS = [
    "django.contrib.auth",
    "django.contrib.contenttypes",
    "django.contrib.sessions",
    "django.contrib.staticfiles",
    "scriptapps",
]
MIDDLEWARE = [
    "django.contrib.sessions.middleware.SessionMiddleware",
    "django.middleware.csrf.CsrfViewMiddleware",
    "django.contrib.auth.middleware.AuthenticationMiddleware",
]
ROOT_URLCONF = "benchmarks.site.urls"
ASGI_APPLICATION = "benchmarks.site.asgi.application"
TEMPLATES = [
    {
        "BACKEND": "django.template.backends.django.DjangoTemplates",
        "DIRS": [HERE / "templates"],
        "APP_DIRS": True,
        "OPTIONS": {
            "context_processors": [
                "django.template.context_processors.request",
                "django.contrib.auth.context_processors.auth",
            ]
        },
    }
]
SQLITE: dict[str, Any] = {
    "ENGINE": "django.db.backends.sqlite3",
    "NAME": Path(os.environ["BENCHMARK_FOLDER"]) / "db.sqlite3",
    "OPTIONS": {
        "timeout": 20,
        "transaction_mode": "IMMEDIATE",
        "init_command": "PRAGMA journal_mode=WAL; PRAGMA synchronous=NORMAL",
    },
}
POSTGRES: dict[str, Any] = {
    "ENGINE": "django.db.backends.postgresql",
    "NAME": os.environ.get("BENCHMARK_POSTGRES", ""),
    "HOST": os.environ.get("PGHOST", ""),
    "PORT": os.environ.get("PGPORT", ""),
    "USER": os.environ.get("PGUSER", ""),
    "PASSWORD": os.environ.get("PGPASSWORD", ""),
    "CONN_MAX_AGE": 600,
}
DATABASES = {"default": POSTGRES if POSTGRES["NAME"] else SQLITE}
DEFAULT_AUTO_FIELD = "django.db.models.BigAutoField"
# Signing in is not what is measured.
PASSWORD_HASHERS = ["django.contrib.auth.hashers.MD5PasswordHasher"]
STATIC_URL = "static/"
LOGIN_URL = "/login/"
LOGIN_REDIRECT_URL = "/apps/"
USE_TZ = True

if REDIS := os.environ.get("BENCHMARK_REDIS"):
    CHANNEL_LAYERS = {"default": {"BACKEND": "channels_redis.core.RedisChannelLayer", "CONFIG": {"hosts": [REDIS]}}}

STORES = {"database": "scriptapps.store.DatabaseStateStore", "none": "benchmarks.site.no_store.NoStateStore"}

SCRIPTAPPS = {
    "STATE_STORE": {"BACKEND": STORES[os.environ.get("BENCHMARK_STORE", "database")]},
    "DIRS": [HERE / "scripts"],
    "PREHEAT": False,
    # Sessions of a scenario that is over must not weigh on the next one.
    "DETACHED_TTL": 2,
    "BEAT_SECONDS": 1,
    "MESSAGES_PER_SECOND": 100_000,
    "MESSAGE_BURST": 1_000_000,
    "SOCKETS_PER_USER": 100_000,
    "SOCKETS_PER_ADDRESS": 100_000,
    "SOCKETS_TOTAL": 100_000,
}

LOGGING = {
    "version": 1,
    "disable_existing_loggers": False,
    "handlers": {"console": {"class": "logging.StreamHandler"}},
    "loggers": {"scriptapps": {"handlers": ["console"], "level": "WARNING"}},
}
