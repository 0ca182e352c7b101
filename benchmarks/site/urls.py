"""Addresses of the measured site."""

from django.contrib.auth.views import LoginView
from django.urls import include, path

from benchmarks.site import observing, sampling, switching

urlpatterns = [
    path("login/", LoginView.as_view()),
    path("apps/", include("scriptapps.urls")),
    path("samples/<str:command>/", sampling.samples),
    path("observing/<slug:slug>/<uuid:session_id>/", observing.token),
    path("durability/<str:position>/", switching.durability),
]
