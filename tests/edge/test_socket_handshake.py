"""Who gets a socket: everything is checked, in order, before it is accepted."""

import uuid

import pytest
from django.contrib.auth.models import User

from scriptapps import consumers, identity
from scriptapps.models import ScriptApp, ScriptSession
from tests.live import PAGE, Site

pytestmark = pytest.mark.django_db(transaction=True)


async def refusal(browser, **changes) -> int | None:
    attributes = await browser.page()
    socket = await browser.knock(token=attributes["token"], **changes)
    return socket.refused


async def test_the_owner_of_a_page_gets_a_socket(site: Site, alice: User):
    assert await refusal(await site.browser(alice)) is None
    await site.leave()


async def test_without_a_cookie_there_is_no_socket(site: Site, alice: User):
    assert await refusal(await site.browser(alice), cookie="") == 403
    assert await refusal(await site.browser(alice), cookie="sessionid=made-up") == 403
    assert await refusal(await site.browser(alice), cookie="sessionid") == 403


async def test_anonymous_people_need_a_page_of_a_public_script_app(site: Site):
    site.folder.write("open.py", PAGE.replace("signed-in", "public"))
    browser = await site.browser()
    assert (await browser.knock("open")).refused == 403
    viewer = await browser.open("open")
    assert viewer.texts() == ["heat 1"]
    await site.leave()


async def test_anonymous_people_get_no_socket_of_another_script_app(site: Site):
    site.folder.write("open.py", PAGE.replace("signed-in", "public"))
    browser = await site.browser()
    await browser.page("open")
    token = identity.page_token(await browser.binding(), "page")
    assert (await browser.knock("page", token=token)).refused == 403


@pytest.mark.parametrize(
    "origin",
    [
        None,
        b"",
        b"null",
        b"https://testserver",
        b"http://testserver:8000",
        b"http://evil.example",
        b"http://testserver.evil.example",
        b"http://eviltestserver",
        b"http://testserver@evil.example",
        b"file://",
        b"http://testserver/",
        b"\xff",
    ],
)
async def test_only_pages_of_exactly_this_origin_get_a_socket(site: Site, alice: User, origin):
    assert await refusal(await site.browser(alice), origin=origin) == 403


async def test_trusted_origins_are_those_of_csrf(site: Site, alice: User, settings):
    settings.CSRF_TRUSTED_ORIGINS = ["https://front.example", "https://*.many.example"]
    browser = await site.browser(alice)
    assert await refusal(browser, origin=b"https://front.example") is None
    assert await refusal(browser, origin=b"https://a.many.example") is None
    assert await refusal(browser, origin=b"http://a.many.example") == 403
    assert await refusal(browser, origin=b"https://many.example.evil.example") == 403
    assert await refusal(browser, origin=b"https://evilmany.example") == 403
    await site.leave()


async def test_behind_a_tls_proxy_the_scheme_is_the_browsers(site: Site, alice: User, settings):
    settings.SECURE_PROXY_SSL_HEADER = ("HTTP_X_FORWARDED_PROTO", "https")
    browser = await site.browser(alice)
    attributes = await browser.page()
    cookie = "; ".join(f"{name}={morsel.value}" for name, morsel in browser.client.cookies.items()).encode()
    headers = [
        (b"host", b"testserver"),
        (b"cookie", cookie),
        (b"x-forwarded-proto", b"https"),
        (b"origin", b"https://testserver"),
    ]
    assert (await browser.knock(token=attributes["token"], headers=headers)).refused is None
    headers[-1] = (b"origin", b"http://testserver")
    assert (await browser.knock(token=attributes["token"], headers=headers)).refused == 403
    await site.leave()


async def test_a_host_that_is_not_allowed_is_refused(site: Site, alice: User):
    browser = await site.browser(alice)
    attributes = await browser.page()
    headers = [(b"host", b"evil.example"), (b"origin", b"http://evil.example")]
    assert (await browser.knock(token=attributes["token"], headers=headers)).refused == 400


@pytest.mark.parametrize("offers", [[], ["graphql-ws"], ["token.x"], ["scriptapps.v2", "token.x"]])
async def test_another_protocol_is_refused(site: Site, alice: User, offers):
    assert await refusal(await site.browser(alice), offers=offers) == 400


async def test_the_token_must_be_this_browsers_and_this_pages(site: Site, alice: User):
    site.folder.write("other.py", PAGE)
    browser, stranger = await site.browser(alice), await site.browser(alice)
    await browser.page()
    foreign = (await stranger.page())["token"]
    other = (await browser.page("other"))["token"]
    for token in ("", "x", foreign, other, "ä"):
        assert (await browser.knock(token=token)).refused == 403


async def test_a_token_made_before_the_secret_key_was_rotated_still_counts(site: Site, alice: User, settings):
    browser = await site.browser(alice)
    await browser.page()
    token = identity.page_token(await browser.binding(), "page")
    # The session's own data is signed with the key too, so Django's fallbacks are at work here as well.
    settings.SECRET_KEY_FALLBACKS = [settings.SECRET_KEY]
    settings.SECRET_KEY = "rotated" * 10
    assert (await browser.knock(token=token)).refused is None
    await site.leave()


async def test_somebody_elses_session_cannot_be_resumed(site: Site, alice: User, staff: User):
    viewer = await (await site.browser(alice)).open()
    for thief in (await site.browser(staff), await site.browser(alice)):
        assert await refusal(thief, session=viewer.session_id) == 403
    assert site.session(viewer).viewers
    await site.leave()


async def test_what_is_no_session_cannot_be_resumed(site: Site, alice: User):
    browser = await site.browser(alice)
    for session in (str(uuid.uuid4()), "x", "../../etc"):
        assert await refusal(browser, session=session) == 403


async def test_a_session_of_another_script_app_cannot_be_resumed(site: Site, alice: User):
    site.folder.write("other.py", PAGE)
    browser = await site.browser(alice)
    viewer = await browser.open("other")
    assert await refusal(browser, session=viewer.session_id) == 403
    await site.leave()


async def test_a_closed_session_cannot_be_resumed(site: Site, alice: User):
    browser = await site.browser(alice)
    viewer = await browser.open()
    await ScriptSession.objects.filter(pk=viewer.session_id).aupdate(state="closed")
    assert await refusal(browser, session=viewer.session_id) == 403
    await site.leave()


@pytest.mark.parametrize(
    ("changes", "status"),
    [
        ({"access": "staff"}, 403),
        ({"access": "permission", "permission": "shop.view_order"}, 403),
        ({"access": "groups"}, 403),
        ({"enabled": False}, 404),
    ],
)
async def test_who_may_not_open_the_script_app_gets_no_socket(site: Site, alice: User, changes, status):
    browser = await site.browser(alice)
    attributes = await browser.page()
    await ScriptApp.objects.filter(slug="page").aupdate(**changes)
    assert (await browser.knock(token=attributes["token"])).refused == status


async def test_a_script_app_that_is_gone_has_no_socket(site: Site, alice: User):
    browser = await site.browser(alice)
    attributes = await browser.page()
    (site.folder.path / "page.py").unlink()
    assert (await browser.knock(token=attributes["token"])).refused == 404


async def test_somebody_who_was_deactivated_gets_no_socket(site: Site, alice: User):
    browser = await site.browser(alice)
    attributes = await browser.page()
    await User.objects.filter(pk=alice.pk).aupdate(is_active=False)
    assert (await browser.knock(token=attributes["token"])).refused == 403


async def test_a_cookie_from_before_the_password_changed_opens_nothing(site: Site, alice: User):
    browser = await site.browser(alice)
    attributes = await browser.page()
    alice.set_password("another")
    await User.objects.filter(pk=alice.pk).aupdate(password=alice.password)
    assert (await browser.knock(token=attributes["token"])).refused == 403


@pytest.mark.parametrize("limit", ["SOCKETS_TOTAL", "SOCKETS_PER_ADDRESS", "SOCKETS_PER_USER"])
async def test_too_many_sockets_are_refused_and_room_comes_back(site: Site, alice: User, settings, limit):
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, limit: 2}
    browser = await site.browser(alice)
    token = (await browser.page())["token"]
    first, second = [await browser.knock(token=token) for _ in range(2)]
    assert (first.refused, second.refused) == (None, None)
    assert (await browser.knock(token=token)).refused == 429
    await first.leave()
    assert (await browser.knock(token=token)).refused is None
    await site.leave()
    assert consumers.budget.total == 0
    assert not consumers.budget.addresses
    assert not consumers.budget.users


async def test_refused_sockets_cost_nothing_afterwards(site: Site, alice: User):
    browser = await site.browser(alice)
    for _ in range(5):
        assert (await browser.knock(token="wrong")).refused == 403
    assert consumers.budget.total == 0
    assert not consumers.budget.addresses


async def test_other_paths_are_not_ours(site: Site, alice: User):
    browser = await site.browser(alice)
    for path in ("/", "/apps/", "/apps/page/", "/apps/page/ws", "/apps/../ws/"):
        socket = await browser.knock(token="x", path=path)
        assert socket.refused == 403


async def test_a_server_that_cannot_send_a_status_closes(site: Site, alice: User):
    browser = await site.browser(alice)
    socket = await browser.knock(token="wrong", extensions={})
    assert socket.refused == 403
