"""What relates the results of lesson 06, seed by seed; the limits of each stand in the lesson."""

import numpy as np


def test_with_every_seed_less_is_missing_when_more_rows_share_a_batch(full):
    assert (np.array(full("06.too_low_at_1").values) > full("06.too_low_at_10").values).all()
