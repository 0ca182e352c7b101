# title: Counter
# description: A slider, a button and a number that is remembered: the smallest script app with state.
# access: signed-in
from scriptapps import st

st.title("Counter")
st.session_state.setdefault("count", 0)

step = st.slider("Step", 1, 10, 1)
add, reset, _ = st.columns([1, 1, 3])
if add.button("Add", type="primary"):
    st.session_state.count += step
if reset.button("Start again"):
    st.session_state.count = 0

st.metric("Count", st.session_state.count)
st.caption(f"You are **{st.user.get_username() or 'a guest'}**, in script session `{st.session_id()}`.")
