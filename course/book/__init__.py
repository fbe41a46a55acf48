"""The course as a site, made from what is stored: notebooks/ and lessons/claims.toml. No lesson is run for it.

lesson_page    one lesson: its notebook with hints, solutions and checks folded, every picture with its alt text
results        every result of the course as the page of claims shows it
pages          all pages, from book/*.md
epub           the same pages as one e-book
preview        changed lessons before and after, side by side
site           the built site: whole or not at all; every link leads somewhere, every picture says what it shows
"""

from course.catalog import LessonError


class BookError(LessonError):
    """What keeps the site from being built; the message names the file and, where there is one, the cell."""
