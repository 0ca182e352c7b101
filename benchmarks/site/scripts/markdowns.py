# title: 200 markdowns, of which one changes
from scriptapps import st

value = st.slider("Value", 0, 100, 50)
for number in range(200):
    shown = value if number == 100 else number
    st.markdown(f"Paragraph **{number}** says {shown}, in *a few words* of text.")
