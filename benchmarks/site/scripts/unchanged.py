# title: A rerun that changes nothing
from scriptapps import st

st.title("Unchanged")
st.slider("Value", 0, 100, 50)
st.write("The value is not shown.")
