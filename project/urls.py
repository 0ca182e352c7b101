"""Addresses of the demo site: its own few pages, Django's sign-in, the admin, and the script apps."""

from django.contrib import admin
from django.contrib.auth import views as auth_views
from django.contrib.staticfiles.urls import staticfiles_urlpatterns
from django.templatetags.static import static
from django.urls import include, path
from django.views.generic import RedirectView

from project import views

urlpatterns = [
    path("", views.landing, name="landing"),
    path("favicon.ico", RedirectView.as_view(url=static("site.svg"))),
    path("embedded/", views.embedded, name="embedded"),
    path("orders/<int:number>/", views.order, name="order"),
    path("orders/<int:number>/show/", views.show_order, name="show_order"),
    path("accounts/login/", auth_views.LoginView.as_view(), name="login"),
    path("accounts/logout/", auth_views.LogoutView.as_view(), name="logout"),
    path("apps/", include("scriptapps.urls")),
    path("admin/", admin.site.urls),
]
# While DEBUG is on, any ASGI server may show the site; otherwise a web server has the static files.
urlpatterns += staticfiles_urlpatterns()
