"""Every term is linked once a lesson, at its first use; the page explains each."""

import pytest

from course.authoring.glossary import Glossary, glossary, page, used
from course.authoring.links import heading_id
from course.authoring.notebook import make
from course.authoring.source import read

TERMS = Glossary(
    {"batch": "Some rows.", "batch size": "How many.", "AUC": "An area."}, {"mini-batch": "batch"}
)


@pytest.mark.parametrize(
    ("text", "linked"),
    [
        ("A batch. A batch.", "A [batch](GLOSSARY.md#batch). A batch."),
        ("Batches", "[Batches](GLOSSARY.md#batch)"),
        ("the batch\nsize", "the [batch\nsize](GLOSSARY.md#batch-size)"),
        ("one **mini-batch**", "one **[mini-batch](GLOSSARY.md#batch)**"),
        ("the AUC", "the [AUC](GLOSSARY.md#auc)"),
        ("## A batch\n\nA batch.", "## A batch\n\nA [batch](GLOSSARY.md#batch)."),
        ("`batch`, $batch$, [batch](x.md)", "`batch`, $batch$, [batch](x.md)"),
        ("debatch, batch-wise, auc", "debatch, batch-wise, auc"),
    ],
)
def test_the_first_use_of_a_term_is_a_link(text, linked):
    assert TERMS.linked(text, set()) == linked


def test_a_term_that_was_linked_before_is_not_linked_again():
    seen = {"batch"}
    assert (
        TERMS.linked("A batch of its batch size", seen)
        == "A batch of its [batch size](GLOSSARY.md#batch-size)"
    )
    assert seen == {"batch", "batch size"}


def test_the_page_has_a_heading_a_term_with_its_sentence_and_the_lesson_that_uses_it_first(lessons):
    (lessons / "glossary.toml").write_text(
        '"AUC" = "An area."\nbatch = "Some rows."\n[forms]\nbatch = ["mini-batch"]\n'
    )
    path = lessons / "98_trial.py"
    path.write_text(path.read_text() + "\n# %% [markdown]\n# Mini-batches are dealt.\n")
    assert page() == (
        "# Glossary\n\nEach term in one sentence, with the lesson that uses it first.\n\n"
        '<a id="auc"></a>\n\n## AUC\n\nAn area.\n\n'
        "## batch\n\nSome rows. ([Lesson 98](98_trial.ipynb))\n"
    )


def test_a_term_is_not_linked_in_a_lesson_that_means_something_else_by_it(lessons):
    text = '"AUC" = "An area."\nbatch = "Some rows."\n[unlinked]\n98 = ["batch"]\n'
    (lessons / "glossary.toml").write_text(text)
    path = lessons / "98_trial.py"
    path.write_text(path.read_text() + "\n# %% [markdown]\n# Batches of the AUC.\n")
    source = read("98_trial")
    assert used(source) == {"AUC"}
    assert "Batches of the [AUC](GLOSSARY.md#auc)." in [
        cell.source for cell in make(source, "learner").cells
    ]


def test_the_courses_terms_are_sentences_and_each_is_used_in_a_lesson():
    assert len(glossary().terms) >= 60
    assert len({heading_id(term) for term in glossary().terms}) == len(glossary().terms)
    assert set(glossary().forms.values()) <= set(glossary().terms)
    unused = [entry for entry in page().split("\n## ")[1:] if "([Lesson " not in entry]
    assert unused == []
    for lesson, terms in glossary().unlinked.items():
        assert set(terms) <= set(glossary().terms), lesson
    for term, says in glossary().terms.items():
        assert says[0].isupper(), term
        assert says.endswith("."), term
        assert "\n" not in says, term
