"""Script apps mounted under two other prefixes. Runs on: pytest."""

from django.urls import include, path

urlpatterns = [
    path("tools/", include("scriptapps.urls")),
    path("deep/down/", include("scriptapps.urls", namespace="second")),
]
