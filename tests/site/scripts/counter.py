# title: Counter
# access: public
from scriptapps import st

st.session_state.setdefault("n", 0)
if st.button("Up"):
    st.session_state.n += 1
st.text(f"n={st.session_state.n}")
