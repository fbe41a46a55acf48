"""The site of the whole course, and what keeps a site from being built."""

import re
from collections import Counter

import pytest

from course import claims
from course.book import BookError, preview, results
from course.book import site as sites
from course.catalog import LessonError, all_lessons

pytest.importorskip("myst_nb", reason="install the book extra")


def old_site(folder):
    """A site as a build before left it."""
    made = folder / "made"
    (made / "files").mkdir(parents=True)
    for name in ("searchindex.js", "gone.html", "files/01.ipynb"):
        (made / name).write_text("old")
    sites.replace(folder / "site", made)
    return folder / "site"


def test_every_result_has_a_row_of_its_own_on_the_page_of_claims(site):
    page = (site / "claims.html").read_text(encoding="utf-8")
    stored = [name for name in claims.stored() if "." in name]
    assert stored
    assert [name for name in stored if page.count(f'<tr id="{name}"') != 1] == []
    assert page.count('data-kind="open"') == len(results.unmeasured())


def test_what_each_lesson_ends_with_stands_on_one_page(site):
    page = (site / "takeaways.html").read_text(encoding="utf-8")
    assert page.count("<h2>") == len(all_lessons())


def test_what_each_lesson_draws_on_stands_on_one_page_with_its_links(site):
    page = (site / "reading.html").read_text(encoding="utf-8")
    items = [item for lesson in all_lessons() for item in lesson.header["reading"]]
    assert page.count("<h2>") == len(all_lessons())
    for mark, address in (("doi:", "https://doi.org/"), ("arXiv:", "https://arxiv.org/abs/")):
        assert page.count(f'href="{address}') == sum(item.count(mark) for item in items) > 0


def test_every_lesson_has_a_page_with_its_solutions_and_its_notebooks(site):
    for lesson in all_lessons():
        page = (site / f"{lesson.name}.html").read_text(encoding="utf-8")
        assert page.count("Check, and what it says of the solution") >= 3, lesson.name
        assert page.count("<summary>Hints</summary>") == len(lesson.exercises), lesson.name
        for edition in ("learner", "solutions"):
            stored = lesson.path(edition)
            copy = (
                site
                / "notebooks"
                / stored.relative_to(stored.parents[stored.parts[::-1].index("notebooks") - 1])
            )
            assert copy.read_bytes() == stored.read_bytes()


def test_the_whole_site_keeps_its_own_rules(site):
    assert list(sites.problems(site)) == []


def test_the_site_was_built_without_tensorflow(site):
    loaded = site.with_name("modules.txt").read_text(encoding="utf-8").split()
    assert "myst_nb" in loaded
    assert {"tensorflow", "keras", "papermill"} & set(loaded) == set()


def test_a_broken_link_stops_the_build_names_file_and_cell_and_leaves_the_old_site(trial, tmp_path):
    out = old_site(tmp_path)
    trial.cells["hope"].source = "See [nothing](nothing.md)."
    trial.write()
    with pytest.raises(
        BookError, match=r"notebooks/98_trial\.ipynb: cell 98-hope: WARNING: .*nothing\.md"
    ):
        sites.build(out)
    assert (out / "searchindex.js").read_text() == "old"
    assert [path.name for path in tmp_path.iterdir() if path.name.startswith(".site")] == []


def test_a_lesson_that_does_not_parse_stops_the_build_and_is_named(trial, lessons, tmp_path):
    path = lessons / "98_trial.py"
    path.write_text(f"{path.read_text('utf-8')}\n# %%\nx = 1\ny = (2\n", encoding="utf-8")
    out = old_site(tmp_path)
    says = r"lessons/98_trial\.py: cell 5, which begins 'x = 1', line 2: '\(' was never closed"
    with pytest.raises(LessonError, match=says):
        sites.build(out)
    assert (out / "searchindex.js").read_text() == "old"


def test_a_picture_without_words_stops_the_build_and_is_named(trial, tmp_path):
    out = old_site(tmp_path)
    (output,) = trial.cells["picture"].outputs
    output.metadata["image/png"]["alt"] = " "
    trial.write()
    says = r"notebooks/solutions/98_trial\.ipynb: cell 98-picture: its picture has no alt text"
    with pytest.raises(BookError, match=says):
        sites.build(out)
    assert (out / "searchindex.js").read_text() == "old"


def test_a_claim_without_words_stops_the_build_and_is_named(trial, lessons, tmp_path):
    out = old_site(tmp_path)
    path = lessons / "claims.toml"
    path.write_text(path.read_text("utf-8").replace("accuracy of the trial", ""), encoding="utf-8")
    claims.stored.cache_clear()
    says = r"lessons/claims\.toml: 98\.accuracy, made in cell 98-claim: a claim without words"
    with pytest.raises(BookError, match=says):
        sites.build(out)
    assert (out / "searchindex.js").read_text() == "old"


def test_a_new_site_takes_the_place_of_the_old_one(trial, tmp_path):
    out = old_site(tmp_path)
    sites.build(out)
    sites.build(out)  # it is known again
    assert (out / "98_trial.html").exists()
    assert not (out / "gone.html").exists()


def test_a_folder_that_is_no_site_is_not_replaced(trial, tmp_path):
    (tmp_path / "site").mkdir()
    (tmp_path / "site" / "thesis.txt").write_text("mine")
    for build in (sites.build, lambda site: sites.replace(site, tmp_path / "made")):
        for place in ("site", "site/thesis.txt"):
            with pytest.raises(BookError, match="is no site of this version's builds"):
                build(tmp_path / place)
    assert (tmp_path / "site" / "thesis.txt").read_text() == "mine"


def test_the_site_of_another_project_is_not_replaced(tmp_path):
    for name in ("searchindex.js", "claims.html"):
        (tmp_path / name).write_text("mine")
    with pytest.raises(BookError, match="is no site of this version's builds"):
        sites.build(tmp_path)
    assert len(list(tmp_path.iterdir())) == 2


@pytest.mark.parametrize("name", [".git", "CNAME", "files/handout.pdf"])
def test_what_was_put_into_a_built_site_is_named_and_not_deleted(tmp_path, name):
    out = old_site(tmp_path)
    for folder in (out, out / "files"):
        (folder / ".DS_Store").touch()  # left by a file manager
    sites.refuse_what_is_no_site(out)
    (out / name).write_text("mine")
    with pytest.raises(BookError, match=f"{name}: no build made this; move it"):
        sites.build(out)
    assert (out / name).read_text() == "mine"


def test_a_preview_does_not_replace_the_site(tmp_path):
    out = old_site(tmp_path)
    with pytest.raises(BookError, match="is no preview of this version's builds"):
        preview.write(out, [], "HEAD")
    assert (out / "gone.html").exists()


GONE = "the link #gone: there is no such place on that page"


@pytest.mark.parametrize(
    ("body", "problem"),
    [
        ('<a href="gone.html">x</a>', "the link gone.html leads nowhere"),
        ('<a href="#gone">x</a>', GONE),
        ('<img src="a.png" alt="">', "the picture a.png has no alt text"),
        (
            '<script src="https://example.org/a.js"></script>',
            "<script> asks another host: https://example.org/a.js",
        ),
        (
            '<link rel="stylesheet" href="//example.org/a.css">',
            "<link> asks another host: //example.org/a.css",
        ),
        ('<meta name="gone"><a href="#gone">x</a>', GONE),
        ('<object data="gone.svg"></object>', "the link gone.svg leads nowhere"),
        ('<object data="//e.org/x"></object>', "<object> asks another host: //e.org/x"),
        ('<embed src="//e.org/x">', "<embed> asks another host: //e.org/x"),
        ('<video poster="//e.org/x"></video>', "<video> asks another host: //e.org/x"),
        ('<input type="image" src="//e.org/x">', "<input> asks another host: //e.org/x"),
        ('<img alt="x" src=" HTTPS://e.org/x">', "<img> asks another host: HTTPS://e.org/x"),
        ('<img alt="x" srcset="a.png, //e.org/x 2x">', "<img> asks another host: //e.org/x"),
        ("<p style=\"background: URL('//e.org/x')\">x</p>", "<p> asks another host: //e.org/x"),
        ("<style>p {background: url(//e.org/x)}</style>", "<style> asks another host: //e.org/x"),
        ('<style>@import "//e.org/x";</style>', "<style> asks another host: //e.org/x"),
        ('<a name="here" href="#here">x</a><link rel="canonical" href="https://e.org">', None),
        ('<svg xmlns="http://www.w3.org/2000/svg"></svg><p>url(//e.org/x)</p>', None),
        ('<a id="here" href="#here">x</a><a href="page.html?show=differs#here">y</a>', None),
        ('<a href="https://example.org">x</a>', None),
    ],
)
def test_what_is_wrong_with_a_built_page_is_named(tmp_path, body, problem):
    (tmp_path / "page.html").write_text(f"<html><body>{body}</body></html>", encoding="utf-8")
    (tmp_path / "a.png").touch()
    assert list(sites.problems(tmp_path)) == ([f"page.html: {problem}"] if problem else [])


def test_what_is_wrong_below_the_top_of_a_site_and_in_its_style_sheets_is_named(tmp_path):
    for folder in ("after", "_static"):
        (tmp_path / folder).mkdir()
    (tmp_path / "after" / "page.html").write_text('<img alt="x" src="gone.png">')
    (tmp_path / "_static" / "macros.html").write_text('<img src="{{ a_template }}">')
    (tmp_path / "_static" / "a.css").write_text('@import url("https://e.org/x");')
    (tmp_path / "_static" / "b.css").write_text('@import "a.css"; p {background: url(x.png)}')
    assert list(sites.problems(tmp_path)) == [
        "_static/a.css: asks another host: https://e.org/x",
        "after/page.html: the link gone.png leads nowhere",
    ]


def test_ids_are_unique_on_the_page_of_claims(site):
    ids = Counter(re.findall(r'\sid="([^"]+)"', (site / "claims.html").read_text(encoding="utf-8")))
    assert [name for name, count in ids.items() if count > 1] == []
