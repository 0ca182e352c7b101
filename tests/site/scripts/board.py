# title: Board
# access: signed-in
# scope: user
import json

from scriptapps import st

if st.button("Up"):
    st.session_state.n = st.session_state.get("n", 0) + 1
st.text(json.dumps({"n": st.session_state.get("n", 0), "user": st.user.get_username()}))
