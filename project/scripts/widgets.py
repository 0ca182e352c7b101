# title: Widgets
# description: Every element of the first set on one page.
# access: signed-in
import math
from datetime import date, time, timedelta
from time import sleep

from scriptapps import st

st.set_page_config(page_title="Widgets")

with st.sidebar:
    st.header("Sidebar")
    st.write("Anything may stand here.")
    loud = st.toggle("Loud")
    volume = st.slider("Volume", 0, 100, 40, disabled=not loud)

st.title("Widgets")
text, inputs, layout, messages, data, charts = st.tabs(["Text", "Inputs", "Layout", "Messages", "Data", "Charts"])

with text:
    st.header("Header", divider="green")
    st.subheader("Subheader")
    st.markdown("Markdown with **bold**, *italic*, `code`, a [link](https://www.djangoproject.com/), :green[colour].")
    st.markdown(
        "1. first\n2. second\n   - inside\n\n> A quotation.\n\n| left | right |\n|---|---:|\n| a | 1 |\n| b | 22 |"
    )
    st.caption("A caption, small and quiet.")
    st.text("Text as it is:   spaces   and *stars* stay.")
    st.code("for order in Order.objects.all():\n    print(order)", language="python", line_numbers=True)
    st.divider()
    st.json({"order": 7, "lines": [{"product": "Atlas lamp", "quantity": 2}], "paid": True, "note": None})
    st.write("Write shows", {"anything": [1, 2.5, "three"]}, "in its own way.")

with inputs:
    left, right = st.columns(2, gap="large")
    with left:
        name = st.text_input("Text", "Ada", help="Sent when you leave it or press Enter.")
        secret = st.text_input("Password", type="password")
        story = st.text_area("Text area", "Two lines\nof text", max_chars=200)
        whole = st.number_input("Whole number", 0, 100, 25)
        exact = st.number_input("Decimal number", value=1.5, step=0.25, format="%.2f")
        nothing = st.number_input("Number or nothing", value=None, placeholder="Type a number")
        agree = st.checkbox("Checkbox", value=True)
        switch = st.toggle("Toggle", value=True)
    with right:
        single = st.slider("Slider", 0, 100, 30)
        pair = st.slider("Range", 0.0, 10.0, (2.5, 7.5), step=0.5)
        day = st.slider("Date slider", date(2026, 1, 1), date(2026, 12, 31), date(2026, 6, 1))
        clock = st.slider("Time slider", value=time(9, 30), step=timedelta(minutes=15))
        one = st.selectbox("Selectbox", ["Web", "Store", "Partner"])
        maybe = st.selectbox("Selectbox with nothing chosen", ["Web", "Store"], index=None, placeholder="Choose")
        several = st.multiselect("Multiselect", ["Atlas", "Borealis", "Comet", "Delta"], ["Atlas", "Comet"])
        which = st.radio("Radio", ["CSV", "Excel", "Parquet"], captions=["plain", "with colours", "compact"])
        flat = st.radio("Radio in a row", ["Day", "Week", "Month"], index=1, horizontal=True)
    papers = st.file_uploader("File uploader", accept_multiple_files=True, max_upload_size=5)
    first, second, third, fourth = st.columns(4)
    pressed = {
        "primary": first.button("Primary", type="primary"),
        "secondary": second.button("Secondary"),
        "tertiary": third.button("Tertiary", type="tertiary"),
        "disabled": fourth.button("Disabled", disabled=True),
    }
    with st.expander("What these return"):
        st.write(
            {
                "text": [name, len(secret), story],
                "numbers": [whole, exact, nothing, single, list(pair), volume],
                "flags": [agree, switch, loud],
                "choices": [one, maybe, several, which, flat],
                "times": [day.isoformat(), clock.isoformat()],
                "files": [paper.name for paper in papers],
                "pressed": pressed,
            }
        )

with layout:
    wide, narrow = st.columns([2, 1], border=True)
    wide.write("Two thirds")
    narrow.write("One third")
    with st.container(border=True):
        st.write("A container with a border")
        inner = st.columns(3)
        for number, column in enumerate(inner, 1):
            column.metric(f"Metric {number}", number * 1234, number - 2)
    with st.container(height=120):
        for number in range(1, 13):
            st.write(f"Line {number} of a container that scrolls")
    with st.form("address"):
        st.write("A form: nothing is sent before the button.")
        street = st.text_input("Street")
        town = st.text_input("Town")
        if st.form_submit_button("Send"):
            st.success(f"Sent: {street}, {town}")
    place = st.empty()
    if st.checkbox("Fill the empty place"):
        place.info("Filled")

with messages:
    st.success("Success: the order is placed.")
    st.info("Info: the shop opens at nine.", icon="🕘")
    st.warning("Warning: three pieces are left.")
    st.error("Error: the card was refused.")
    st.exception(ValueError("An exception that was caught"))
    st.progress(64, text="Quarter target: 64 % reached")
    with st.status("Imported 3 files", state="complete"):
        st.write("customers.csv")
        st.write("orders.csv")
        st.write("products.csv")
    if st.button("Toast"):
        st.toast("A toast, for a moment")
    if st.button("Spinner"):
        with st.spinner("Turning for two seconds"):
            sleep(2)

with data:
    st.metric("Revenue", "€4.82 M", "12.4 %", border=True, chart_data=[3, 4, 6, 5, 7, 8, 8, 10])
    rows = [
        {
            "Day": date(2026, 1, 1) + timedelta(days=number),
            "Orders": 40 + number % 7,
            "Share": round(math.sin(number / 5) ** 2, 3),
            "Holiday": number % 6 == 0,
            "Note": "first of the month" if number == 0 else None,
        }
        for number in range(60)
    ]
    st.dataframe(rows)
    st.table(rows[:4])

with charts:
    waves = [
        {
            "Hour": hour,
            "Web": 60 + 40 * math.sin(hour / 4),
            "Store": 50 + 25 * math.cos(hour / 5),
            "Partner": 20 + hour / 3,
        }
        for hour in range(48)
    ]
    st.line_chart(waves, x="Hour", y=["Web", "Store", "Partner"], y_label="Orders")
    st.bar_chart([{"Region": "North", "Web": 30, "Store": 22}, {"Region": "West", "Web": 41, "Store": 18}], x="Region")
    st.bar_chart({"Thing": ["Lamps", "Chairs", "Bowls"], "Sold": [30, 22, 41]}, x="Thing", y="Sold", horizontal=True)
