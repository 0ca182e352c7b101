# title: Import products
# description: Read a price list from a CSV file, look at what would change, and write it in one transaction.
# access: permission shop.change_product
import csv
import io
from decimal import Decimal, InvalidOperation

from _money import euros
from django.core.exceptions import ValidationError
from django.db import transaction

from project.shop.models import Category, Product
from scriptapps import st

COLUMNS = ["name", "category", "price", "in_stock"]
MOST_ROWS = 5_000
EXAMPLE = "name,category,price,in_stock\nFjord lamp,lighting,129.00,40\nHavn stool,seating,89.50,12\n"

Rows = list[dict[str, str]]


def read_rows(data: bytes) -> Rows:
    """The file's rows by column name. Raises ValueError that says what is wrong."""
    try:
        text = data.decode("utf-8-sig")
        reader = csv.DictReader(io.StringIO(text), skipinitialspace=True)
        missing = [column for column in COLUMNS if column not in (reader.fieldnames or [])]
        if missing:
            raise ValueError(f"The first line must name these columns: {', '.join(missing)}.")
        rows = [{column: (row[column] or "").strip() for column in COLUMNS} for row in reader]
    except UnicodeDecodeError:
        raise ValueError("The file is not UTF-8 text.") from None
    except csv.Error as error:
        raise ValueError(f"The file is not CSV: {error}.") from None
    if not rows or len(rows) > MOST_ROWS:
        raise ValueError(f"The file has {len(rows)} products; it may have 1 to {MOST_ROWS:,}.")
    return rows


def read_products(rows: Rows) -> tuple[list[Product], list[str]]:
    """Products that are not saved yet, and what is wrong with the other rows."""
    found: dict[str, Product] = {}
    problems = []
    for line, row in enumerate(rows, start=2):
        try:
            product = Product(
                name=row["name"],
                category=row["category"],
                price=Decimal(row["price"]).quantize(Decimal("0.01")),
                in_stock=int(row["in_stock"]),
            )
            product.clean_fields()
        except (InvalidOperation, ValueError):
            problems.append(f"Line {line}: price and in_stock must be numbers.")
        except ValidationError as error:
            problems.append(f"Line {line}: {' '.join(error.messages)}")
        else:
            found[product.name] = product
    return list(found.values()), problems


def write(products: list[Product]) -> None:
    """Write all of them, or none."""
    with transaction.atomic():
        Product.objects.bulk_create(products, update_conflicts=True, unique_fields=["name"], update_fields=COLUMNS[1:])
    st.session_state.written = len(products)
    st.session_state.price_list = None


st.title("Import products")
if written := st.session_state.pop("written", 0):
    st.success(f"{written} products are written.")

file = st.file_uploader(
    "Price list",
    type="csv",
    max_upload_size=5,
    key="price_list",
    help="UTF-8 text with the columns name, category, price and in_stock.",
)
if file is None:
    st.caption("A file looks like this; categories are " + ", ".join(Category.values) + ".")
    st.code(EXAMPLE, language="csv")
    st.stop()

try:
    rows = read_rows(file.read())
except ValueError as problem:
    st.error(str(problem))
    st.stop()

products, problems = read_products(rows)
known = {product.name: product for product in Product.objects.filter(name__in=[product.name for product in products])}
fresh = [product for product in products if product.name not in known]
changed = [
    product
    for product in products
    if product.name in known
    and any(getattr(product, column) != getattr(known[product.name], column) for column in COLUMNS)
]

new, other, same, wrong = st.columns(4)
new.metric("New", len(fresh))
other.metric("Changed", len(changed))
same.metric("As they are", len(products) - len(fresh) - len(changed))
wrong.metric("Wrong", len(problems))
if problems:
    with st.expander(f"{len(problems)} rows are left out", expanded=not products):
        st.text("\n".join(problems[:50]))

to_write = fresh + changed
if to_write:
    st.dataframe(
        [
            {
                "Product": product.name,
                "Category": Category(product.category).label,
                "Price": euros(product.price),
                "Before": euros(known[product.name].price) if product.name in known else "",
                "Stock": product.in_stock,
            }
            for product in to_write
        ],
        hide_index=True,
    )
st.button(
    f"Write {len(to_write)} products",
    type="primary",
    disabled=not to_write,
    on_click=write,
    args=(to_write,),
    atomic=True,
)
