"""A strip: every seed's value of one result as a dot on a line, with the limit and the published figure beside them."""

from html import escape

from course.book.results import Result

# In CSS pixels.
WIDTH = 180
HEIGHT = 26
MARGIN = 7


def strip(result: Result) -> str:
    """Return the strip of `result` as SVG; empty where all there is to see is one value."""
    found = result.band()
    if found is None or result.kind == "fact":
        return ""
    limits = [
        result.entry["full"][key] for key in ("at_least", "at_most") if key in result.entry["full"]
    ]
    published = [] if result.published is None else [result.published]
    marks = [*found.values, *limits, *published]
    low = min(marks)
    width = max(marks) - min(marks)
    if width == 0:
        return ""

    def x(value: float) -> str:
        return f"{MARGIN + (WIDTH - 2 * MARGIN) * (value - low) / width:.1f}"

    middle = HEIGHT / 2
    drawn = [f'<path class="line" d="M0 {middle:g}H{WIDTH}"/>']
    drawn += [f'<path class="limit" d="M{x(limit)} 2V{HEIGHT - 2}"/>' for limit in limits]
    drawn += [
        f'<circle class="seed" cx="{x(value)}" cy="{middle:g}" r="4"/>' for value in found.values
    ]
    drawn += [
        f'<path class="published" d="M{x(value)} {middle - 6:g}l6 6l-6 6l-6-6z"/>'
        for value in published
    ]
    says = [f"{found.seeds} seeds: {found}", *([result.promise] if limits else [])]
    says += [f"published {result.published_shown}"] * bool(published)
    head = f'<svg class="strip" viewBox="0 0 {WIDTH} {HEIGHT}" width="{WIDTH}" height="{HEIGHT}" role="img"'
    return f'{head} aria-label="{escape("; ".join(says))}">{"".join(drawn)}</svg>'
