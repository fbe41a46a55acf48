"""What an instructor needs for a class: variants, a sandbox, grading from outside of it, a gradebook.

A student's code runs in `sandbox`, by the program `inside`; it is judged in the grader's own process, which calls it
through `remote` with plain data alone (`plain_data`). Nothing here is imported by a lesson.
"""
