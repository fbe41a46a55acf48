"""What an instructor needs for a class: variants, a sandbox, grading from outside of it, a gradebook.

roster, variants, key     who the students are, their parameters, what exercises are judged by
submissions, grading      what was handed in, and its points; `comparison` draws an answer beside the right one
tally, gradebook          points for a part of an answer; the CSV files, also for Canvas and Moodle
nbgrader, syllabus        lessons as nbgrader's assignments; a term on one page

A student's code runs in `sandbox` (its `Limits`), by the program `inside`; it is judged in the grader's own process,
which calls it through `remote` with plain data alone (`plain_data`). Nothing here is imported by a lesson.
"""
