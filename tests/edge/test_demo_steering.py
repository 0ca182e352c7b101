"""The demo's command turns the dashboards that are open."""

import io
from functools import partial
from typing import Any

import pytest
from asgiref.sync import sync_to_async
from django.contrib.auth.models import User
from django.core.management import call_command

from tests.live import Site

pytestmark = pytest.mark.django_db(transaction=True)
PAGE = """# access: signed-in
from project.shop.models import Region
from scriptapps import st
region = st.selectbox("Region", list(Region), index=None, format_func=lambda r: r.label, key="region")
months = st.slider("Months", 1, 12, 12, key="months")
st.text(f"{region and region.label} {months}")
"""


async def show_orders(**options: str | int) -> list[str]:
    """What the command prints."""
    printed = io.StringIO()
    await sync_to_async(partial(call_command, "show_orders", stdout=printed, **options))()
    return printed.getvalue().splitlines()


async def test_open_dashboards_follow_the_command(site: Site, alice: User, staff: User, settings: Any):
    # On a busy machine a page is not to count as silent.
    settings.SCRIPTAPPS = {**settings.SCRIPTAPPS, "BEAT_SECONDS": 3}
    site.folder.write("orders.py", PAGE)
    hers = await (await site.browser(alice)).open("orders")
    other = await (await site.browser(staff)).open("orders")
    printed = await show_orders(region="west", months=3, user="alice", say="Look at the *west*")
    assert printed == [f"{hers.session_id}: completed", "1 dashboards were asked."]
    await hers.until(lambda: hers.texts() == ["West 3"] and hers.toasts)
    assert hers.toasts[0].body_html == "Look at the <em>west</em>"
    assert other.texts() == ["None 12"]
    assert (await show_orders(region="all"))[-1] == "2 dashboards were asked."
    await hers.until(lambda: hers.texts() == ["None 3"])
    printed = await show_orders(months=99, user="alice")
    assert printed[0].startswith(f"{hers.session_id}: refused months: ")
    await site.leave()
