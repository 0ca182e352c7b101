"""The demo site's ASGI application: Django, with the websockets of script apps beside it.

Runs on: the event loop of daphne, uvicorn or `manage.py runserver`.
"""

import os

from django.core.asgi import get_asgi_application

from scriptapps.routing import with_script_apps

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "project.settings")

application = with_script_apps(get_asgi_application())
