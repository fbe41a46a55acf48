"""What relates the results of lesson 02, seed by seed; the limits of each stand in the lesson."""

import numpy as np


def test_with_every_seed_the_line_the_logarithm_and_the_network_come_in_this_order(full):
    line, logarithm, network = (
        np.array(full(f"02.rmse_{name}").values) for name in ("line", "log_line", "network")
    )
    assert (line > logarithm).all()
    assert (logarithm > network).all()


def test_with_every_seed_each_model_looks_better_when_rows_are_dealt(full):
    for model in ("boosting", "network"):
        by_row, by_mixture = (
            np.array(full(f"02.{model}_{part}_dealt").values) for part in ("rows", "mixtures")
        )
        assert (by_mixture > by_row).all()
