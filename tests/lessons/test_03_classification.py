"""What relates the results of lesson 03, seed by seed; the limits of each stand in the lesson."""

import numpy as np


def test_with_every_seed_the_fit_stops_five_epochs_after_the_best(full):
    late = np.subtract(full("03.epochs_stopped").values, full("03.best_epoch").values)
    assert set(late) == {5}
