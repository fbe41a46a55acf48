"""The course as an e-book: every page well-formed, every link and picture inside, formulas without scripts."""

import re
import zipfile
from xml.etree import ElementTree

import pytest

from course.catalog import all_lessons

epub = pytest.importorskip("course.book.epub", reason="install the book extra")
ADDRESS = re.compile(r'(?:href|src)="([^"]+)"')


@pytest.fixture(scope="module")
def book(site):
    with zipfile.ZipFile(site / epub.FILE) as packed:
        yield {name: packed.read(name) for name in packed.namelist()}


def pages(book):
    return {name: text.decode() for name, text in book.items() if name.endswith(".xhtml")}


def test_it_begins_as_an_e_book_does_and_holds_every_lesson(book):
    assert next(iter(book)) == "mimetype"
    assert book["mimetype"] == b"application/epub+zip"
    assert [x.name for x in all_lessons() if f"{x.name}.xhtml" not in book] == []
    order = re.findall(r'href="(\d\d_\w+)\.xhtml"', book["nav.xhtml"].decode())
    assert list(dict.fromkeys(order)) == [each.name for each in all_lessons()]


def test_every_page_is_well_formed_and_runs_no_script(book):
    for text in pages(book).values():
        root = ElementTree.fromstring(text.replace("&nbsp;", " "))
        assert not list(root.iter("{http://www.w3.org/1999/xhtml}script"))


def test_every_link_and_picture_leads_into_the_book_or_to_an_address(book):
    lost = []
    for name, text in pages(book).items():
        for address in ADDRESS.findall(text):
            if re.match(r"https?:|mailto:", address):
                continue
            path, _, fragment = address.partition("#")
            target = book.get(path or name)
            if target is None or (fragment and f'id="{fragment}"' not in target.decode()):
                lost.append((name, address))
    assert lost == []


def test_formulas_are_mathml_and_readers_are_told_which_pages_hold_them(book):
    assert "<math" in book["01_gradient_descent.xhtml"].decode()
    content = book["content.opf"].decode()
    told = set(re.findall(r'href="([^"]+)"[^>]*properties="[^"]*mathml', content))
    assert told == {name for name, text in pages(book).items() if "<math" in text}


@pytest.mark.parametrize(
    ("html", "xml"),
    [
        ('<a href="a.html?x=1#y">A</a>', '<a href="a.xhtml#y">A</a>'),
        ('<a href="notebooks/a.ipynb" download>A</a>', ""),
        ('<a href="gone.html">A</a>', "A"),
        ("<p hidden>A<br>B&nbsp;C</p>", '<p hidden="">A<br/>B\xa0C</p>'),
        (
            '<svg viewBox="0 0 1 1"></svg>',
            '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 1 1"></svg>',
        ),
        ("<form><input name=a></form>B", "B"),
        ('<a href="https://example.org">A</a>', '<a href="https://example.org">A</a>'),
    ],
)
def test_html_becomes_xml_without_what_only_the_site_has(html, xml):
    assert epub.well_formed(html, {"a"}) == xml
