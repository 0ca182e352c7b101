# title: Desk
# access: public
from scriptapps import st

state = st.session_state

if st.button("Up"):
    state.n = state.get("n", 0) + 1
st.metric("Count", state.get("n", 0))
note = st.text_input("Note")
if note:
    state.notes = [*state.get("notes", []), note] if state.get("notes", [""])[-1] != note else state.notes
with st.form("letter"):
    st.text_input("Subject")
    st.form_submit_button("Send")
st.text(f"notes: {' '.join(state.get('notes', []))}")
st.text(f"session: {st.session_id()}")
