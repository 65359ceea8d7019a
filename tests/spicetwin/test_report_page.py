"""The page: self-contained, safe against hostile text, sound in a browser."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from pathlib import Path

import pytest
from chromium import browser, screenshot, visit
from matplotlib.image import imread
from report_sample import write_run

from spicetwin.report.render import render

needs_browser = pytest.mark.skipif(browser() is None, reason="Chromium is not installed")

HOSTILE = "\"'><script>document.title='owned'</script><img src=x onerror=alert(1)>{{ 7*7 }}</style><!--"


class Outline(HTMLParser):
    """Tags, ids, links, sources and visible text of a page."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.tags: list[str] = []
        self.attributes: list[tuple[str, str]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append(tag)
        self.attributes += [(name, value or "") for name, value in attrs]

    def handle_data(self, data: str) -> None:
        self.text += data

    def values(self, name: str) -> list[str]:
        return [value for key, value in self.attributes if key == name]


@pytest.fixture(scope="module")
def plain(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Page of an ordinary run."""
    folder = tmp_path_factory.mktemp("plain")
    write_run(folder)
    return render(folder)


@pytest.fixture(scope="module")
def hostile(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Page of a run in which every text is an attack."""
    folder = tmp_path_factory.mktemp("hostile")
    write_run(folder, HOSTILE)
    return render(folder)


def test_page_refers_to_nothing_outside_itself(plain: Path) -> None:
    outline = Outline(plain.read_text())
    references = outline.values("src") + outline.values("href")
    assert len(references) > 5
    assert all(re.match(r"data:|#", reference) for reference in references)
    assert "script" not in outline.tags
    assert "url(" not in plain.read_text()


def test_every_anchor_resolves_and_every_id_is_unique(plain: Path) -> None:
    outline = Outline(plain.read_text())
    ids = outline.values("id")
    targets = {href[1:] for href in outline.values("href") if href.startswith("#")}
    assert {"waves", "tables", "checks"} <= targets
    assert targets <= set(ids)
    assert len(ids) == len(set(ids))


def test_every_image_has_a_text(plain: Path) -> None:
    outline = Outline(plain.read_text())
    assert len(outline.values("alt")) == outline.tags.count("img") == 3
    assert all(outline.values("alt"))


def test_hostile_text_is_shown_and_never_markup(plain: Path, hostile: Path) -> None:
    outline = Outline(hostile.read_text())
    assert outline.tags == Outline(plain.read_text()).tags
    assert not [name for name, _ in outline.attributes if name.startswith("on")]
    assert outline.text.count(HOSTILE) > 30
    assert f"alt {HOSTILE}" in outline.values("alt")


def test_equal_runs_give_equal_pages(tmp_path: Path) -> None:
    document = write_run(tmp_path)
    first = render(tmp_path).read_bytes()
    document.save(tmp_path)
    assert render(tmp_path).read_bytes() == first


@needs_browser
def test_browser_console_stays_silent(plain: Path, hostile: Path, tmp_path: Path) -> None:
    assert visit(plain, tmp_path / "profile").console == []
    attacked = visit(hostile, tmp_path / "profile")
    assert attacked.console == []
    assert "<title>Title " in attacked.dom
    assert "<title>owned" not in attacked.dom


@needs_browser
def test_browser_decodes_every_image(plain: Path, tmp_path: Path) -> None:
    probe = (
        "<script>addEventListener('load', () => { document.title = 'widths:' + "
        "[...document.images].map(image => image.naturalWidth).join(',') + ':' })</script>"
    )
    html = re.sub(r"<meta http-equiv=[^>]*>", "", plain.read_text()).replace("</body>", probe + "</body>")
    copy = tmp_path / "probe.html"
    copy.write_text(html)
    match = re.search(r"widths:([\d,]*):", visit(copy, tmp_path / "profile").dom)
    assert match is not None
    widths = [int(width) for width in match[1].split(",")]
    assert len(widths) == 3
    assert min(widths) > 100


@needs_browser
def test_page_forbids_scripts_to_the_browser(plain: Path, tmp_path: Path) -> None:
    copy = tmp_path / "injected.html"
    copy.write_text(plain.read_text().replace("</body>", "<script>document.title = 'ran'</script></body>"))
    seen = visit(copy, tmp_path / "profile")
    assert "<title>ran" not in seen.dom
    assert any("Content Security Policy" in line for line in seen.console)


@needs_browser
@pytest.mark.parametrize("width", [375, 1280])
def test_page_is_no_wider_than_the_screen(width: int, plain: Path, tmp_path: Path) -> None:
    probe = (
        "<script>addEventListener('load', () => { document.title = 'wide:' + "
        "document.documentElement.scrollWidth + ':' + innerWidth + ':' })</script>"
    )
    html = re.sub(r"<meta http-equiv=[^>]*>", "", plain.read_text()).replace("</body>", probe + "</body>")
    inner = tmp_path / "inner.html"
    inner.write_text(html)
    # Chromium's windows cannot be as narrow as a phone; a frame can.
    outer = tmp_path / "outer.html"
    reader = "addEventListener('load', () => { document.title = frames[0].document.title })"
    outer.write_text(f"<iframe src='inner.html' width={width} height=800></iframe><script>{reader}</script>")
    dom = visit(outer, tmp_path / "profile", "--allow-file-access-from-files").dom
    match = re.search(r"wide:(\d+):(\d+):", dom)
    assert match is not None
    assert int(match[2]) == width
    assert int(match[1]) <= width


@needs_browser
def test_page_is_drawn_in_ink_on_paper(plain: Path, tmp_path: Path) -> None:
    pixels = imread(screenshot(plain, tmp_path / "profile", 1200, 900, tmp_path / "page.png"))[..., :3]
    assert pixels.mean() > 0.8
    assert pixels.min() < 0.3
