"""The figure of thresholds and weights, read out as scikit-learn counts."""

import numpy as np
from sklearn.metrics import recall_score

from course.topics.imbalance import points_on_curve
from course.training.metrics import scores_at


def test_each_point_is_read_out_with_the_curve_at_as_many_false_alarms(capsys):
    random = np.random.default_rng(0)
    y = (random.random(300) < 0.2).astype(int)
    plain = 0.3 * y + 0.6 * random.random(300)
    curve = scores_at(np.unique(plain), y, plain)
    points_on_curve(curve, {"itself": plain, "alarmed": np.sqrt(plain)}, y, title="A title")
    told = capsys.readouterr().out
    recall = recall_score(y, plain > 0.5)
    assert told.startswith("A title. ")
    assert f"itself: recall {recall:.3f}; the curve there: {recall:.3f}." in told
    assert f"alarmed: recall {recall_score(y, np.sqrt(plain) > 0.5):.3f};" in told
