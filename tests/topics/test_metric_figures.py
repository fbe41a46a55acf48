"""The figures of lesson 06, read out."""

from course.topics.metric_figures import loss_and_metric, panels


def test_a_panel_is_read_out_by_its_ends_and_its_highest_value(capsys):
    panels({"mape (%)": [99, 700, 110], "mae": [12, 5, 2]}, title="Errors")
    assert capsys.readouterr().out == (
        "Errors. mape (%): from 99 to 110, highest 700 after epoch 2. "
        "mae: from 12 to 2, highest 12 after epoch 1.\n"
    )


def test_the_sketch_is_read_out(capsys):
    loss_and_metric()
    assert "No arrow leads back from there." in capsys.readouterr().out
