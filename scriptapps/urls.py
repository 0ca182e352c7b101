"""Addresses of script apps, for `path("apps/", include("scriptapps.urls"))` under any prefix.

Runs on: start-up. Invariant: the socket's address is the page's plus `ws/`; the ASGI side resolves it through here.
"""

from django.urls import path

from scriptapps import health, metrics, upload_views, views
from scriptapps.api.views import urlpatterns as api_urlpatterns

app_name = "scriptapps"
urlpatterns = [
    path("", views.index, name="index"),
    # "-" is no slug: nothing can stand in the way of these.
    path("-/healthz/", health.healthz, name="healthz"),
    path("-/ready/", health.ready, name="ready"),
    path("-/metrics/", metrics.metrics, name="metrics"),
    # No address of a script app ends without a slash.
    *api_urlpatterns(),
    path("<slug:slug>/", views.page, name="page"),
    path("<slug:slug>/ws/", views.socket, name="socket"),
    path("<slug:slug>/status/", views.status, name="status"),
    path("<slug:slug>/files/<uuid:session_id>/<slug:widget_id>/", upload_views.upload, name="upload"),
    path(
        "<slug:slug>/files/<uuid:session_id>/<slug:widget_id>/<uuid:file_id>/",
        upload_views.one_file,
        name="one_file",
    ),
    path("<slug:slug>/saved/<uuid:snapshot_id>/", views.saved, name="saved"),
    path("<slug:slug>/saved/<uuid:snapshot_id>/data/", views.saved_data, name="saved_data"),
]
