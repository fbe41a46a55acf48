"""Links between the course's own files lead somewhere; addresses outside are well formed (nothing is fetched)."""

import re
from urllib.parse import urlsplit

import pytest

from course import ROOT
from course.catalog import all_lessons

LINK = re.compile(r"\[[^\]]*\]\(([^)\s]+)\)")
DOI = re.compile(r"doi:(\S+?)[,;.)\"]*(?=\s|$)")
PAGES = [
    "README.md",
    "CONTRIBUTING.md",
    "data/DATASETS.md",
    "docs/backends.md",
    "docs/release.md",
    *(f"lessons/{each.name}.py" for each in all_lessons()),
]


@pytest.mark.parametrize("page", PAGES)
def test_every_link_of_a_page_leads_somewhere(page):
    path = ROOT / page
    for link in LINK.findall(path.read_text(encoding="utf-8")):
        parts = urlsplit(link)
        if parts.scheme:
            assert parts.scheme == "https", link
            assert "." in parts.netloc, link
        elif parts.path:
            assert (path.parent / parts.path).exists(), f"{page}: {link} leads nowhere"


@pytest.mark.parametrize("page", PAGES)
def test_every_doi_is_a_doi(page):
    for doi in DOI.findall((ROOT / page).read_text(encoding="utf-8")):
        assert re.fullmatch(r"10\.\d{4,9}/\S+", doi), f"{page}: doi:{doi}"
