# title: Delivery estimate
# description: What a delivery costs and how long it takes; open to everybody, signed in or not.
# access: public
from _money import euros

from scriptapps import st

ZONES = {"Same country": (4.90, 2), "European Union": (9.90, 4), "Rest of Europe": (16.50, 7)}

st.title("Delivery estimate")
if st.user.is_authenticated:
    st.write(f"Welcome back, **{st.user.get_username()}**.")
else:
    st.write("No account is needed for this page.")

zone = st.radio("Where to?", list(ZONES))
weight = st.slider("Weight in kilograms", 1, 40, 5)
express = st.checkbox("Express")

base, days = ZONES[zone]
cost = (base + 0.35 * weight) * (1.8 if express else 1)
price, time = st.columns(2)
price.metric("Price", euros(cost), border=True)
time.metric("Days on the road", max(1, days // 2) if express else days, border=True)
if weight > 30:
    st.warning("Parcels over 30 kg are carried by two people; somebody will call first.")
