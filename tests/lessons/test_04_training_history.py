"""What relates the results of lesson 04, seed by seed; the limits of each stand in the lesson."""

import numpy as np


def test_with_most_seeds_some_pairs_of_runs_speak_for_the_remedies_and_some_against(full):
    better, worse = (
        np.array(full(f"04.pairs_{verdict}").values) for verdict in ("better", "worse")
    )
    assert np.mean((better > 0) & (worse > 0)) > 0.5
