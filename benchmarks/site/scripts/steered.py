# title: Steered
from scriptapps import st

heat = st.slider("Heat", 0, 1_000_000, 0, key="heat")
st.text(f"heat={heat};")
