"""What lesson 14 must show, asserted on its measured bands: the stronger backbone wins once both sides are re-tuned."""


def test_the_strong_backbone_beats_the_weak_one_in_every_run_when_both_are_re_tuned(full):
    assert full("14.backbone_wins").low == 3
    assert full("14.backbone_least").low > 0


def test_the_strong_recipe_makes_the_better_classifier(full):
    assert full("14.strong_accuracy").low > full("14.weak_accuracy").high


def test_the_published_pair_of_changes_gains_more_than_the_backbone_alone(full):
    assert full("14.gain_both").median > full("14.gain_backbone").median


def test_pretraining_beats_none(full):
    assert full("14.gain_pretraining").low > 0


def test_what_pretraining_improves_is_naming_and_not_finding(full):
    for arm in ("scratch", "weak", "strong"):
        assert full(f"14.finding_{arm}").low > 0.85
    assert full("14.finding_strong").median - full("14.finding_scratch").median < 0.05
    assert full("14.strong_tuned").median - full("14.scratch").median > 0.15


def test_the_default_momentum_of_batch_normalization_ruins_a_short_run_whose_training_loss_is_the_same(full, printed):
    assert "the same training loss: True" in printed
    assert full("14.momentum_default").high < 0.6
    assert full("14.momentum_lower").low > 0.7
