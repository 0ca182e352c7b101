# title: Products
# description: What the shop sells, filtered by category, price and stock.
# access: permission shop.view_product
from _money import euros
from django.db.models import Avg, F, Max, Min

from project.shop.models import Category, Product
from scriptapps import st

st.set_page_config(page_title="Products", layout="wide")
st.title("Products")

prices = Product.objects.aggregate(lowest=Min("price"), highest=Max("price"))
if prices["highest"] is None:
    st.info("The shop has no products.")
    st.stop()
lowest, highest = int(prices["lowest"]), int(prices["highest"]) + 1

left, right = st.columns(2)
words = left.text_input("Name contains", placeholder="lamp, Fjord ...")
categories = right.multiselect("Categories", list(Category), format_func=lambda c: c.label, placeholder="All")
low, high = left.slider("Price in euros", lowest, highest, (lowest, highest))
order = right.radio("Sort by", ["Name", "Price", "Stock"], horizontal=True)
in_stock = right.toggle("In stock only")

found = Product.objects.filter(name__icontains=words.strip(), price__gte=low, price__lte=high)
if categories:
    found = found.filter(category__in=categories)
if in_stock:
    found = found.filter(in_stock__gt=0)
found = found.order_by({"Name": "name", "Price": "-price", "Stock": "-in_stock"}[order])

if not found.exists():
    st.info("Nothing matches these filters.")
    st.stop()

table, picture = st.tabs(["Table", "Average price by category"])
with table:
    st.dataframe(
        found.values(Product=F("name"), Category=F("category"), Price=F("price"), Stock=F("in_stock")), hide_index=True
    )
with picture:
    averages = found.order_by().values_list("category").annotate(average=Avg("price")).order_by("-average")
    st.bar_chart(
        [{"Category": Category(name).label, "Euros": float(average)} for name, average in averages],
        x="Category",
        y="Euros",
    )
value = sum(product.price * product.in_stock for product in found)
st.caption(f"{found.count()} products, {euros(value)} in stock.")
