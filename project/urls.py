"""Addresses of the demo site: its own few pages, Django's sign-in, the admin, and the script apps."""

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.urls import include, path

from project import views

urlpatterns = [
    path("", views.landing, name="landing"),
    path("embedded/", views.embedded, name="embedded"),
    path("accounts/login/", auth_views.LoginView.as_view(), name="login"),
    path("accounts/logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("apps/", include("scriptapps.urls")),
    path("admin/", admin.site.urls),
]
