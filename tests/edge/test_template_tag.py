"""A script app in the middle of another page of the site."""

import re

import pytest
from django.contrib.auth.models import AnonymousUser
from django.core.exceptions import ImproperlyConfigured
from django.template import Context, Template
from django.template.context import make_context
from django.test import RequestFactory

pytestmark = pytest.mark.django_db


@pytest.fixture
def render(folder, node, client):
    folder.write("open.py", "# access: public\n")
    folder.write("orders.py")
    folder.write("back.py", "# access: staff\n")

    def rendered(text: str, user) -> str:
        request = RequestFactory().get("/reports/", {"year": "2026"})
        request.user, request.session, request.resolver_match = user, client.session, None
        return Template("{% load scriptapps_tags %}" + text).render(make_context({"request": request}, request))

    return rendered


def test_an_element_with_all_it_needs(render, alice, node):
    content = render('{% script_app "orders" %}', alice)
    assert 'socket-url="/apps/orders/ws/"' in content
    assert 'login-url="/accounts/login/?next=/reports/%3Fyear%3D2026"' in content
    assert 'id="scriptapps-modules"' in content
    assert "scriptapps/app.js" in content
    assert [entry[2] for entry in node.preheated] == ["orders"]


def test_the_client_is_loaded_once_for_several(render, alice):
    content = render('{% script_app "orders" %}{% script_app slug %}{% script_app "open" %}', alice)
    assert len(re.findall("<script-app ", content)) == 2
    assert content.count("scriptapps/app.js") == 1
    assert content.count('id="scriptapps-modules"') == 1
    assert "This is not available." in content


def test_the_same_policy_as_on_its_own_page(render, alice, node):
    signed_out = render('{% script_app "orders" %}', AnonymousUser())
    assert 'href="/accounts/login/?next=/reports/%3Fyear%3D2026"' in signed_out
    assert "no permission" in render('{% script_app "back" %}', alice)
    assert "not available" in render('{% script_app "../back" %}', alice)
    assert node.preheated == []
    assert "<script-app " in render('{% script_app "open" %}', AnonymousUser())


def test_it_needs_the_request():
    with pytest.raises(ImproperlyConfigured, match="request"):
        Template('{% load scriptapps_tags %}{% script_app "orders" %}').render(Context({}))
