"""Settings of Sphinx for the site of the course. `course book` copies them beside the pages that it makes."""

from importlib import metadata

project = "Training neural networks, hands on"
copyright = "the authors of the course. Text: CC BY 4.0, code: MIT"
language = "en"

extensions = ["myst_nb", "course.book.epub"]
nb_execution_mode = "off"  # every output is the stored one
nb_merge_streams = True
myst_enable_extensions = ["attrs_block", "attrs_inline", "colon_fence", "dollarmath"]
myst_heading_anchors = 3
nitpicky = True
smartquotes = False

WIDE = ("index", "claims", "times", "data")  # pages with a table that needs the room
html_theme = "pydata_sphinx_theme"
html_title = project
exclude_patterns = ["files", "parts"]
html_favicon = "static/icon.svg"
html_context = {"default_mode": "auto"}
html_static_path = ["static"]
html_extra_path = ["files"]
html_css_files = ["book.css"]
html_js_files = ["claims.js", "formulas.js"]
html_copy_source = False
html_show_sourcelink = False
html_show_sphinx = False
html_permalinks_icon = "#"
html_theme_options = {
    "logo": {"text": "Training neural networks"},
    "navbar_align": "left",
    "navbar_end": ["theme-switcher"],
    "navbar_persistent": ["search-button"],
    "header_links_before_dropdown": 6,
    "secondary_sidebar_items": {"**": ["page-toc"], **{name: [] for name in WIDE}},
    "show_prev_next": True,
    "footer_start": ["copyright"],
    "footer_end": [],
    "pygments_light_style": "a11y-high-contrast-light",
    "pygments_dark_style": "a11y-high-contrast-dark",
}
html_sidebars = {name: [] for name in ("index", "claims", "GLOSSARY", "teaching", "authors")}

html_math_renderer = "mathjax"
mathjax_path = "mathjax/tex-svg-full.js"
mathjax3_config = {"options": {"enableMenu": False}}  # its menu would ask for more files

author = publisher = "The authors of the course"
version = metadata.version("course")
epub_theme = "epub"
epub_description = "A hands-on course on training neural networks, in executable lessons."
epub_contributor = author
epub_identifier = epub_uid = "training-neural-networks-hands-on"
epub_css_files = ["epub.css"]
epub_tocscope = "includehidden"
epub_tocdepth = 3  # parts, lessons
epub_show_urls = "no"
epub_exclude_files = ["search.xhtml", "genindex.xhtml", "_static/book.css", "_static/preview.css"]
