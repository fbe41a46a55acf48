"""The figures of lesson 17, read out."""

from course.topics.text_figures import attention_map, by_tag, from_words_to_tags


def test_the_sketch_tells_what_becomes_of_words_and_of_padding(capsys):
    from_words_to_tags()
    told = capsys.readouterr().out
    assert "padded with two zeros" in told
    assert "Two of the sigmoids say yes: viewing and text." in told


def test_scores_are_read_out_model_by_model_and_against_the_first(capsys):
    scores = {"linear": [0.5, 0.7], "network": [0.6, 0.1]}
    by_tag(scores, ["game", "mail"], title="F1", label="F1")
    assert capsys.readouterr().out == (
        "F1. linear: mean 0.6, lowest 0.5 for game. network: mean 0.35, lowest 0.1 for mail. "
        "network is ahead of linear for 1 of 2 tags.\n"
    )


def test_of_attention_the_strongest_and_the_most_read_word_are_read_out(capsys):
    attention_map([[0.1, 0.9], [0.4, 0.6]], ["view", "files"], title="Who reads whom")
    assert capsys.readouterr().out == (
        "Who reads whom. 2 words by 2 words, weights up to 0.9. Strongest: 'view' reads 'files'. "
        "Most read on average: 'files'.\n"
    )
