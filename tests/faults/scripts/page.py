# title: Page
# access: signed-in
import time

from scriptapps import st

st.session_state.setdefault("runs", 0)
st.session_state.runs += 1
name = st.text_input("Name", key="name")
if st.button("Sleep"):
    st.text("sleeping")
    time.sleep(100_000)
if st.button("Spin"):
    st.text("spinning")
    while True:
        pass
if st.button("Hang"):
    st.text("hanging")
    # A lock that nobody releases: no safe point, no signal and no exception ends this wait.
    import threading

    threading.Event().wait()
st.text(f"{name} runs={st.session_state.runs} user={st.user.get_username()}")
