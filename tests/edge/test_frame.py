"""The documented ways to put our pages into the site's frame."""

import re
from pathlib import Path

import pytest
from django.test import Client

pytestmark = pytest.mark.django_db
DOCS = Path(__file__).resolve().parents[2] / "docs" / "templates.md"
SITE_BASE = (
    "<title>{% block title %}site{% endblock %}</title>{% block head %}{% endblock %}"
    "<nav>site</nav>{% block main %}{% endblock %}"
)


@pytest.fixture
def templates(tmp_path, settings, folder, node) -> Path:
    folder.write("open.py", "# title: Open to all\n# access: public\n# description: For everybody.\n")
    path = tmp_path / "templates"
    (path / "scriptapps").mkdir(parents=True)
    (path / "base.html").write_text(SITE_BASE)
    (path / "bar.html").write_text("<nav>bar</nav>")
    settings.TEMPLATES = [{**settings.TEMPLATES[0], "DIRS": [path]}]
    return path


def documented(name: str) -> str:
    found = re.search(rf"\{{# templates/scriptapps/{name}.*?```", DOCS.read_text(), re.DOTALL)
    assert found
    return found[0].removesuffix("```")


def test_the_frame_of_the_docs(templates, client: Client):
    (templates / "scriptapps" / "base.html").write_text(documented("base.html"))
    page = client.get("/apps/open/").content.decode()
    assert "<title>Open to all</title>" in page
    assert 'content="For everybody."' in page
    assert "<nav>site</nav>" in page
    assert "<script-app" in page
    assert "<nav>site</nav>" in client.get("/apps/").content.decode()
    assert "There is nothing here" in client.get("/apps/nothing/").content.decode()


def test_one_page_below_the_bar_of_the_site(templates, client: Client):
    (templates / "scriptapps" / "index.html").write_text(documented("index.html"))
    content = client.get("/apps/").content.decode()
    assert content.index("<nav>bar</nav>") < content.index("Open to all")


def test_every_block_is_documented():
    own = Path(__file__).resolve().parents[2] / "scriptapps" / "templates" / "scriptapps"
    blocks = {name for path in own.glob("*.html") for name in re.findall(r"{% block (\w+) %}", path.read_text())}
    told = set(re.findall(r"`(\w+)`", " ".join(re.findall(r"^\| (.*?) \|", DOCS.read_text(), re.MULTILINE))))
    assert blocks == told
