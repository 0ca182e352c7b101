# title: Usage of script apps
# description: Runs, people and times of all script apps.
# access: permission scriptapps.view_scriptapp
"""The charts of the admin's usage page.

Runs on: script threads. Invariant: nothing is shown to whoever may not view script apps.
"""

from datetime import timedelta

from django.utils import timezone

from scriptapps import st
from scriptapps.models import ScriptApp
from scriptapps.usage import used_by_app, used_over_time

# Hours until now, whether days are summed, how a place on the axis is written.
PERIODS = {
    "Last 24 hours": (23, False, "%H:%M"),
    "Last 7 days": (7 * 24 - 1, False, "%d %b, %H:%M"),
    "Last 30 days": (29 * 24, True, "%d %b"),
}

# The rule above can be changed in the admin; what is shown here needs the permission in any case.
if st.user is None or not st.user.has_perm("scriptapps.view_scriptapp"):
    st.error("This needs the permission to view script apps.")
    st.stop()

left, right = st.columns(2)
period = left.selectbox("Period", list(PERIODS))
hours, daily, form = PERIODS[period or "Last 24 hours"]
since = timezone.now() - timedelta(hours=hours)
names = {app.slug: str(app) for app, _ in used_by_app(since)}
chosen = right.selectbox("Script app", ["", *names], format_func=lambda slug: names.get(slug, "All script apps"))
script_app = ScriptApp.objects.filter(slug=chosen).first() if chosen else None

times = used_over_time(since, daily=daily, script_app=script_app)
starts = [f"{used.start:{form}}" for used in times]
st.subheader("Runs")
st.bar_chart(
    {"start": starts, "finished": [used.runs - used.failed for used in times], "failed": [u.failed for u in times]},
    x="start",
    x_label="day" if daily else "hour",
    height=220,
)
left, right = st.columns(2)
with left:
    st.subheader("People")
    st.bar_chart(
        {"start": starts, "people": [used.people for used in times]},
        x="start",
        x_label="day" if daily else "hour",
        height=200,
    )
with right:
    st.subheader("Time of a run in ms")
    ran = [used for used in times if used.runs]
    st.line_chart(
        {"start": [u.start for u in ran], "half": [u.p50 for u in ran], "95 of 100": [u.p95 for u in ran]},
        x="start",
        x_label="day" if daily else "hour",
        height=200,
    )
if any(used.more_people for used in times):
    st.caption("At times there were more people than are counted one by one.")
st.caption("Processes write their counts once a minute. Times are within a tenth.")
st.button("Refresh")
