# title: Counter
from scriptapps import st

st.title("Counter")
value = st.slider("Value", 0, 100, 50)
st.write(f"The value is {value}.")
