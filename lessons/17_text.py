# ---
# title: "Text: several labels for a description"
# part: 5 Text, depth and choice
# objectives:
#   - turn texts into tokens and train a network that answers with a set of labels
#   - compare a network with a strong linear baseline, using thresholds and intervals that are fair to both
#   - detect padding that a layer or a metric takes for words, and mask it
#   - write self-attention in NumPy, check it against Keras, and explain what it cannot see
#   - estimate from a sample checked by hand what missing labels do to precision
#   - read the error message of shapes that do not match
# prerequisites:
#   - "lesson 07 (Per-class metrics): precision, recall, F1"
#   - "lesson 08 (Multi-label): sigmoids, binary cross-entropy, a threshold for each label"
#   - "lesson 09 (Imbalance): class weights, average precision, the paired bootstrap"
#   - "lesson 13 (Ensembles): the mean of several models"
# data: [debian_programs, debian_checked]
# reading:
#   - "Kim, *Convolutional neural networks for sentence classification*, EMNLP 2014, arXiv:1408.5882 (the network of this lesson)"
#   - "Vaswani et al., *Attention is all you need*, 2017, arXiv:1706.03762 (section 3.2: the formula)"
#   - "Joulin et al., *Bag of tricks for efficient text classification*, 2016, arXiv:1607.01759 (a linear model that is hard to beat)"
#   - "Jain, Wallace, *Attention is not explanation*, NAACL 2019, arXiv:1902.10186"
#   - "Elkan, Noto, *Learning classifiers from only positive and unlabeled data*, KDD 2008, doi:10.1145/1401890.1401920 (a missing label is not a no)"
#   - "The Debian project and its package maintainers, descriptions and tags of Debian 12 (the data)"
# ---

# %% [markdown]
# What is this program for? Volunteers have read the descriptions of thousands of programs and given each program tags,
# such as `game`, `mail` or `command line`. In this lesson, a network learns to assign the tags. That raises three
# problems. Texts differ in length, so the short ones have to be filled up. Counting words may be enough, so a network
# has to show what it adds. And volunteers forget tags, so a missing tag may still apply.
#
# The text quotes results of full mode; your run prints its own beside them. With `fast` the networks see so few texts
# that they hardly learn, and several comparisons come out the other way.

# %% tags=["parameters"]
seed: int = 0  # seed of split, initial weights and order, 0 to 1000000
fast: bool = False  # fewer programs, words and epochs
texts: int = 4625  # programs, 1000 to 4625, fast 1200
words: int = 80  # words kept from each text, 40 to 120, fast 40
vocabulary: int = 8000  # words that have a number, 1000 to 20000, fast 2000
epochs: int = 6  # passes over the training texts, 3 to 30, fast 3
resamples: int = 1000  # draws of the bootstrap, 100 to 5000, fast 200

# %%
from course.lesson import begin

begin("17_text", globals())

# %% [markdown]
# ## Programs and their tags
#
# Each row of the table is a program of Debian, a collection of free software: its name, its description, and its tags.

# %%
from course.data import table

everything = table("debian_programs")
print(everything["text"][20][:300])
print("tags:", everything["tags"][20])

# %% [markdown]
# `get_dummies` makes a column of zeros and ones for each tag. We sort the columns, the most frequent tag first.

# %%
import numpy as np

all_labels = everything["tags"].str.get_dummies("|")
frequency = all_labels.sum().sort_values(ascending=False, kind="stable")
tags = list(frequency.index)
all_labels = all_labels[tags].to_numpy("float32")
print(f"{len(everything)} programs, {len(tags)} tags")
print(f"tags of a program: {all_labels.sum(axis=1).mean():.2f} on average")
print(f"most frequent: {tags[0]}, {frequency.iloc[0]} programs")
print(f"least frequent: {tags[-1]}, {frequency.iloc[-1]} programs")

# %%
from course.claims import bound, fact, spread

fact("17.programs", "programs", len(everything), equals=4_625)

# %% [markdown] tags=["predict"]
# A lazy network says no to every tag of every program. What is its binary accuracy? And what is its *categorical*
# accuracy, which Keras computes if you ask for `"accuracy"` here (lesson 08)? Remember which tag comes first.

# %%
import keras

no = np.zeros_like(all_labels)
nothing = {
    "binary accuracy": keras.metrics.BinaryAccuracy()(all_labels, no),
    '"accuracy"': keras.metrics.CategoricalAccuracy()(all_labels, no),
}
lazy_binary, lazy_accuracy = (float(value) for value in nothing.values())
for name, value in nothing.items():
    print(f"{name:16} {float(value):.4f}")

# %% [markdown] tags=["answer"]
# Binary accuracy is {{17.nothing_binary}}, though the network has read nothing, because that share of all labels is 0.
# `"accuracy"` is {{17.nothing_accuracy}}. When outputs are equal, `argmax` takes the first, so this is the share of
# programs that have the first tag, `command line`. If you sort the columns differently, you get a different number.
# Neither number says anything about reading. So in this lesson we measure **macro F1**, the mean of the tags' F1
# scores. It is 0 for the lazy network.

# %%
fact(
    "17.nothing_binary",
    "binary accuracy of saying no",
    round(lazy_binary, 4),
    equals=0.8859,
    digits=4,
)

# %%
fact(
    "17.nothing_accuracy",
    '"accuracy" of saying no',
    round(lazy_accuracy, 4),
    equals=0.4597,
    digits=4,
)

# %%
fact("17.off", "labels that are off", (all_labels == 0).sum(), equals=81_947)
fact(
    "17.first_tag",
    '"accuracy" of saying no is the share of the first tag',
    np.isclose(lazy_accuracy, all_labels[:, 0].mean()),
)

# %% [markdown]
# ### Siblings
#
# Many programs have siblings, such as `bacula-director-mysql` and `bacula-director-pgsql`, and the descriptions of
# these two share whole sentences. If one of them is a training text and the other a test text, the test is too easy:
# the model has seen part of the answer. So we form *families*: programs belong to the same family if their names agree
# up to the first hyphen. Each whole family goes into the training, the validation or the test texts. The rule is rough.
# `aconnectgui` and `alsamixergui` share sentences, but the rule treats them as strangers.

# %%
from course.topics.text import families, split_by_family

programs = everything.sample(texts, random_state=seed).sort_index()
labels = all_labels[programs.index]
text = programs["text"].to_numpy(str)
train, validation, test = split_by_family(programs["program"], seed)
print(len(train), "training,", len(validation), "validation,", len(test), "test texts")

# %%
family = families(programs["program"]).to_numpy()
mixed = np.random.default_rng(seed).permutation(len(programs))
one_fifth = len(programs) // 5
met = np.isin(family[mixed[:one_fifth]], family[mixed[one_fifth:]]).mean()

# %%
spread(
    "17.siblings", "test texts with a sibling elsewhere", 100 * met, unit="%", digits=0
)

# %% [markdown]
# If you split the programs one by one, {{17.siblings}} of the test texts would have a sibling among the others.
#
# Another seed splits the same families differently, so ranges over seeds show the luck of the split and of the first
# weights. The splits overlap, since all of them use the same programs. So the seeds are not independent trials, and a
# sign test over them says less than its p suggests. (As everywhere in this course, we read a direction from a sign test
# only where p is below 0.01.) What other programs would have shown is a question for the bootstrap (lesson 09).

# %% [markdown]
# ## The baseline first
#
# Count how often each word occurs in a text. Words that occur in many texts, such as "the", say little, so scale their
# counts down. That is **TF-IDF**: term frequency times inverse document frequency. With $n$ training texts, $d_j$ of
# which contain word $j$, scikit-learn multiplies the count of word $j$ by
#
# $$\log \frac{1 + n}{1 + d_j} + 1$$
#
# (with the natural logarithm) and then scales each row to length 1. On these rows, we fit a logistic regression for
# each tag.

# %%
from sklearn.feature_extraction.text import TfidfVectorizer
from sklearn.linear_model import LogisticRegression
from sklearn.multiclass import OneVsRestClassifier
from sklearn.pipeline import make_pipeline


def linear_model():
    """Return TF-IDF, followed by a logistic regression for each tag."""
    one_tag = LogisticRegression(class_weight="balanced", solver="liblinear")
    return make_pipeline(
        TfidfVectorizer(sublinear_tf=True, min_df=2), OneVsRestClassifier(one_tag)
    )


# %% [markdown]
# What do the settings do? `min_df=2` leaves out words that occur in only one text. `sublinear_tf` takes $1 +
# \log(\text{count})$ instead of the count. `class_weight="balanced"` makes the rows with a tag weigh as much, taken
# together, as the rows without it.

# %%
linear = linear_model().fit(text[train], labels[train])
linear_validation = linear.predict_proba(text[validation])
linear_test = linear.predict_proba(text[test])

# %% [markdown]
# F1 depends on the threshold, and class weights move the best threshold (lesson 08). To be fair to every model, we
# choose the thresholds of each in the same way: one for each tag, on the validation texts.

# %%
from course.topics.text import f1_by_tag
from course.training.metrics import choose_threshold


def decide(of_validation, of_test):
    """Return yes or no for the test texts, by thresholds chosen on validation texts."""
    return of_test > choose_threshold(labels[validation], of_validation, score="f1")


linear_answers = decide(linear_validation, linear_test)
linear_f1 = f1_by_tag(labels[test], linear_answers)
linear_macro = linear_f1.mean()

# %%
spread("17.linear", "macro F1 of the linear model", linear_macro)

# %% [markdown]
# The linear model reaches a macro F1 of {{17.linear}}. It knows neither the order of the words nor that "picture" and
# "image" are related. Remember that score. A network that is to replace this model has to match it.

# %% [markdown]
# ### Exercise 17.1: TF-IDF
#
# Write the formula above, with plain counts (no `sublinear_tf`) and with the scaling of the rows. `counts` has the
# shape (texts, words); take $n$ and $d_j$ from these texts. A text without any word must stay a row of zeros.


# %% tags=["solution"]
def tf_idf(counts):
    """Return counts times inverse document frequency, each row of length 1."""
    holding = np.sum(counts > 0, axis=0)
    weighted = counts * (np.log((1 + len(counts)) / (1 + holding)) + 1)
    length = np.linalg.norm(weighted, axis=1, keepdims=True)
    return weighted / np.where(length > 0, length, 1)


# %% tags=["check"]
from course.exercises import exercise, expect, expect_close


def draw(rng):
    counts = rng.integers(0, 4, (rng.integers(2, 7), rng.integers(2, 6)))
    return (counts * (rng.random(counts.shape) < 0.6),)


@exercise("17.1", tf_idf, draw=draw)
def check(weigh):
    counts = np.array([[2, 1, 0, 0], [0, 1, 1, 0], [0, 1, 3, 1]])
    given = counts.copy()
    holding, total = (counts > 0).sum(axis=0), counts.sum(axis=0)

    def scaled(rows):
        return rows / np.linalg.norm(rows, axis=1, keepdims=True)

    right = counts * (np.log(4 / (1 + holding)) + 1)
    answer = np.asarray(weigh(given))
    expect(
        np.array_equal(given, counts),
        "Your function has changed the counts that it was given. Work on a copy.",
    )
    expect(
        answer.shape == counts.shape,
        f"Counts of shape (3, 4) came back in the shape {answer.shape}.",
    )
    mistakes = {
        "The rows do not have length 1. Scale each at the end.": right,
        (
            "You counted occurrences. A word counts once in each text that holds it:"
            " compare the counts with 0."
        ): scaled(counts * (np.log(4 / (1 + total)) + 1)),
        "The 1s inside the fraction are missing.": scaled(
            counts * (np.log(3 / holding) + 1)
        ),
        "The 1 after the logarithm is missing.": scaled(
            counts * np.log(4 / (1 + holding))
        ),
        "These are the counts alone, scaled. Where is the logarithm?": scaled(counts),
        "You divide the counts by their weight. Multiply.": scaled(
            counts / (np.log(4 / (1 + holding)) + 1)
        ),
        "A word that occurs once counts as well: compare the counts with 0.": scaled(
            counts * (np.log(4 / (1 + (counts > 1).sum(axis=0))) + 1)
        ),
        "You multiply by the share of texts. Divide by it, within the logarithm.": (
            scaled(counts * (np.log(4 * (1 + holding)) + 1))
        ),
        "You used the share of the texts. Use their number.": scaled(
            counts * (np.log(4 / (1 + holding / 3)) + 1)
        ),
        "You scaled columns. A text is a row.": right / np.linalg.norm(right, axis=0),
    }
    expect_close(answer, scaled(right), f"It gives {answer.round(3)}.", mistakes)
    with np.errstate(all="ignore"):
        empty = np.asarray(weigh(np.array([[1, 0], [0, 0]])))
    expect(
        np.allclose(empty[1], 0),
        "A text without any word does not give zeros. Its length is 0: do not divide"
        " by that.",
    )


# %% tags=["wrong"] hint="The rows do not have length 1"
def tf_idf(counts):
    holding = np.sum(counts > 0, axis=0)
    return counts * (np.log((1 + len(counts)) / (1 + holding)) + 1)


# %% tags=["wrong"] hint="You counted occurrences"
def tf_idf(counts):
    weighted = counts * (np.log((1 + len(counts)) / (1 + counts.sum(axis=0))) + 1)
    return weighted / np.linalg.norm(weighted, axis=1, keepdims=True)


# %% tags=["wrong"] hint="do not divide by that"
def tf_idf(counts):
    holding = np.sum(counts > 0, axis=0)
    weighted = counts * (np.log((1 + len(counts)) / (1 + holding)) + 1)
    return weighted / np.linalg.norm(weighted, axis=1, keepdims=True)


# %% [markdown]
# ## From words to numbers
#
# A network needs numbers. `TextVectorization` makes all letters lowercase, drops ASCII punctuation, splits the text at
# spaces, and numbers the words by rank: the more frequent a word, the lower its number. The pieces are called
# **tokens**. Two numbers are reserved: 1 stands for every word outside the vocabulary, and **0 fills short texts up**
# to the common length; this is called *padding*. Longer texts are cut off. We let the layer count words in the
# *training* texts only.

# %%
vectorize = keras.layers.TextVectorization(vocabulary, output_sequence_length=words)
vectorize.adapt(text[train])
tokens = np.asarray(vectorize(text)).astype("int32")
lengths = (tokens != 0).sum(axis=1)
print(text[test[0]][:60])
print(tokens[test[0]][:10])
print(f"{np.mean(tokens == 0):.0%} of all tokens are padding")
cut = np.mean(lengths == words)

# %%
spread("17.cut", "texts that fill all places", 100 * cut, unit="%", digits=0)

# %% [markdown]
# The numbers have no meaning of their own: word 7 is not "more" than word 6. So the first layer is an **embedding**, a
# table with a row for each number. The rows are weights that training adjusts. Then comes a convolution. Each of its
# filters looks at three neighboring words at a time and answers with a number. Only the greatest of a filter's answers
# is passed on. The sum of all word vectors is passed on as well.

# %%
from course.topics.text_figures import from_words_to_tags

from_words_to_tags()

# %% [markdown]
# ### An error message, read together
#
# Here is the upper path of the figure in miniature, with one layer left out. (We run it eagerly, so that the message
# shows plain numbers.) Which layer is missing? Decide before you read past the message.

# %%
forgetful = keras.Sequential(
    [
        keras.Input((words,)),
        keras.layers.Embedding(vocabulary, 8),
        keras.layers.Conv1D(16, 3, padding="same", activation="relu"),
        keras.layers.Dense(len(tags), activation="sigmoid"),
    ]
)

# %%
forgetful.compile(loss="binary_crossentropy", run_eagerly=True)
try:
    forgetful.train_on_batch(tokens[train[:4]], labels[train[:4]])
except ValueError as error:
    print("ValueError:", error)

# %% [markdown]
# Read such a message from its end.
#
# 1. **Which two shapes?** `target` is what you passed as labels, `output` is what the network answered.
# 2. **Which axes do you know?** Both begin with the 4 texts of the batch and end with the 20 tags.
# 3. **Which axis is extra?** The one in the middle is the number of words. So the network has answered for *every
#    word*, and the layer that makes one answer out of many is missing: `GlobalMaxPooling1D`.
#
# Where you cannot name an axis, `model.summary()` prints the shape after each layer. Do not fix such an error with
# `reshape` until you can name all axes: shapes that fit by chance raise no error at all (lesson 06).

# %% [markdown]
# ## The network
#
# Two networks of this lesson, the convolution below and self-attention later, end in the same way. The greatest answer
# of each filter is passed on. Since many words each say a little, the sum of all vectors is passed on as well. We
# divide it by the square root of the number of words, so that it does not grow too much with the length of the text.
# Then come dropout (lesson 05) and the sigmoids.

# %%
from keras import layers, ops


def tagger(token, vectors, found, mask):
    """Return a network that tags a text by its `vectors` and by what was `found`."""
    strongest = layers.GlobalMaxPooling1D()(found)
    together = ops.sum(vectors, axis=1) / ops.sqrt(ops.sum(mask, axis=1))
    both = layers.Dropout(0.5)(layers.Concatenate()([strongest, together]))
    return keras.Model(token, layers.Dense(len(tags), activation="sigmoid")(both))


# %% [markdown]
# In the convolution, `masked` decides what happens to padding. We multiply by 1 where there is a word and by 0 where
# there is none, after the embedding and after the convolution. After `relu` no answer is below 0, so a 0 never wins
# against a word.


# %%
def convolutional(*, masked):
    """Return a new convolutional network, always with the same initial weights."""
    keras.utils.set_random_seed(seed)
    token = keras.Input((None,), dtype="int32")
    counted = ops.not_equal(token, 0 if masked else -1)
    mask = ops.expand_dims(ops.cast(counted, "float32"), -1)
    vectors = layers.Embedding(vocabulary, 64)(token) * mask
    convolution = layers.Conv1D(128, 3, padding="same", activation="relu")
    return tagger(token, vectors, convolution(vectors) * mask, mask)


# %% [markdown]
# (No token is -1, so without a mask everything counts as a word.) As in lesson 08, each tag has a sigmoid of its own,
# and the loss is binary cross-entropy.

# %%
from course.training.batches import shuffled_batches


def fit(model, rows, x=tokens):
    """Train a compiled model on these rows of `x`; return it."""
    batches = shuffled_batches(x[rows], labels[rows], batch_size=64, seed=seed)
    model.fit(batches, shuffle=False, epochs=epochs, verbose=0)
    return model


# %%
def compiled(model):
    optimizer = keras.optimizers.Adam(0.004)
    model.compile(optimizer, loss="binary_crossentropy", jit_compile=False)
    # spares `fit` a second translation of its first step (lesson 05)
    optimizer.build(model.trainable_variables)
    return model


# %%
def answer(model, rows, x=tokens):
    """Return the probabilities that a network gives to these texts, (rows, tags)."""
    return np.asarray(model(x[rows]))


def on_held_out(model, x=tokens):
    """Return the probabilities for the validation texts, and those for the test."""
    return [answer(model, part, x) for part in (validation, test)]


# %% [markdown]
# ## A text alone, and in a batch

# %% [markdown] tags=["predict"]
# A short text reaches the trained network twice: alone, without any padding, and filled up with zeros, as it would be
# in a batch with longer texts. Will the network give it the same probabilities? With the mask? Without it?

# %%
unmasked = fit(compiled(convolutional(masked=False)), train)
masked = fit(compiled(convolutional(masked=True)), train)

# %%
short = validation[np.argsort(lengths[validation], kind="stable")[:20]]


def padding_effect(model):
    """Return the greatest difference of a probability, a text alone and padded."""
    alone = [model(tokens[[row], : lengths[row]]) for row in short]
    return np.abs(np.concatenate(alone) - answer(model, short)).max()


without_mask = padding_effect(unmasked)
with_mask = padding_effect(masked)

# %%
bound(
    "17.padding_effect",
    "greatest change by padding, without mask",
    without_mask,
    at_least={"full": 0.2},
)
fact("17.mask_cures", "with mask no change (to 1e-5)", with_mask <= 1e-5)

# %% [markdown] tags=["answer"]
# Without the mask, padding changes a probability by up to {{17.padding_effect}}, in the twenty shortest validation
# texts (and by at least {{17.padding_effect:limit}} with every seed). The network takes the zeros for words: the
# embedding has a row for them, and every filter responds to them. If you pad each batch to its longest text, as is
# common, the answer to one text depends on *how long the others in its batch are*. Nothing warns you, and the training
# looks fine. With the mask the difference is gone, up to rounding.
#
# Both paths through the network are open to padding. In the sum, every zero adds its row, and it also counts as a word
# in the divisor. A maximum changes where a filter responds more strongly to padding than to any word. (The change above
# comes from both paths together.)

# %%
unmasked_f1 = f1_by_tag(labels[test], decide(*on_held_out(unmasked)))
masked_answers = decide(*on_held_out(masked))
masked_f1 = f1_by_tag(labels[test], masked_answers)
mask_gain = masked_f1.mean() - unmasked_f1.mean()

# %%
spread("17.mask_gain", "macro F1, with mask minus without", mask_gain)

# %% [markdown]
# Does the missing mask cost F1? Here all texts are padded to one length, in training and in the test alike. Macro F1
# with the mask, minus that without, is {{17.mask_gain}}: {{17.mask_gain:sign}}. So the missing mask costs a little with
# most seeds, but a single test score does not reveal that it is missing. That shows when lengths change: in another
# batch, or in the program that uses your network.

# %% [markdown]
# ### The masks of Keras
#
# Keras has masks of its own. `Embedding(..., mask_zero=True)` attaches one to its output, and layers pass it on. The
# loss leaves out what is masked, and so do those Keras metrics that are means over the outputs, such as accuracy. (You
# will see one metric that does not.) We try that with a network that answers one question for each word: is this word
# outside the vocabulary? Our network is lazy and says no to every word.

# %%
unknown = (tokens == 1)[..., None].astype("float32")


def lazy_marker(*between, bias=-5.0):
    """Return a network that says no to every word (yes with a bias above 0)."""
    embedding = layers.Embedding(vocabulary, 8, mask_zero=True)
    first = keras.initializers.Constant(bias)
    how = {"kernel_initializer": "zeros", "bias_initializer": first}
    last = layers.Dense(1, "sigmoid", **how)
    model = keras.Sequential([keras.Input((None,)), embedding, *between, last])
    model.compile(
        loss="binary_crossentropy", metrics=["binary_accuracy"], run_eagerly=True
    )
    return model


# %%
def accuracy(model, rows=validation, **arguments):
    """Return the binary accuracy that Keras reports for the words of these texts."""
    given = {"verbose": 0, "return_dict": True, "batch_size": 1_000} | arguments
    return model.evaluate(tokens[rows], unknown[rows], **given)["binary_accuracy"]


# %% [markdown] tags=["predict"]
# The second network below has a convolution between embedding and answer. Its answers are the same: always no. Will
# Keras report the same binary accuracy?

# %%
import warnings

with warnings.catch_warnings(record=True) as caught:
    warnings.simplefilter("always")
    plain = accuracy(lazy_marker())
    convolved = lazy_marker(layers.Conv1D(8, 3, padding="same", name="convolution"))
    with_convolution = accuracy(convolved)
print("reported equal:", bool(np.isclose(plain, with_convolution)))
print("warning:", str(caught[0].message)[:75] if caught else "none")

# %% [markdown] tags=["answer"]
# No: it reports {{17.marker_plain}} without the convolution, and {{17.marker_convolved}} with it. The mask is lost at
# `Conv1D`, which does not support masks. From there on, every zero at the end of a text counts as a word that was
# judged correctly. Keras gives one warning, which is easily lost among others. The better number is the wrong one, and
# padding to twice the length would make it better still.

# %% [markdown]
# The cure is to specify which words count. `sample_weight` may have the shape (texts, words). It reaches only those
# metrics that you list as `weighted_metrics`:

# %%
is_word = (tokens[validation] != 0).astype("float32")
convolved.compile(
    loss="binary_crossentropy", weighted_metrics=["binary_accuracy"], run_eagerly=True
)
with warnings.catch_warnings(action="ignore"):  # you have seen the one about masks
    weighted = accuracy(convolved, sample_weight=is_word)
share_known = np.mean(tokens[validation][is_word == 1] != 1)

# %%
spread("17.marker_plain", "accuracy of always no, mask intact", plain)
spread("17.marker_convolved", "accuracy of always no, mask lost", with_convolution)
bound(
    "17.marker_flattered",
    "what padding adds to the accuracy",
    with_convolution - plain,
    at_least={"full": 0.015, "fast": 0},
)

# %%
fact(
    "17.marker_cured",
    "with weights, and with the mask intact, it is the share of known words",
    np.allclose([weighted, plain], share_known, atol=1e-5),
)

# %% [markdown]
# Accuracy is a mean over words, and so the mask reaches it. Precision is not such a mean: Keras counts hits and false
# alarms, and does not look for a mask. Take a network that says yes to every word, with its mask intact:

# %%
always_yes = lazy_marker(bias=5.0)
precision = {}
for kind, weights in {"metrics": None, "weighted_metrics": is_word}.items():
    how = {kind: ["precision"], "run_eagerly": True}
    always_yes.compile(loss="binary_crossentropy", **how)
    given = {"sample_weight": weights, "batch_size": 1_000, "verbose": 0}
    precision[kind] = always_yes.evaluate(
        tokens[validation], unknown[validation], **given
    )[1]
    print(f"{kind:16} precision {precision[kind]:.4f}")

# %%
share_unknown = unknown[validation].mean()  # among all places, with padding
fact(
    "17.precision_unmasked",
    "without weights, precision counts padding though the mask is intact",
    np.isclose(precision["metrics"], share_unknown, atol=1e-5),
)
fact(
    "17.precision_cured",
    "with weights, it is the share of unknown words",
    np.isclose(precision["weighted_metrics"], 1 - share_known, atol=1e-5),
)

# %% [markdown]
# Without weights, every place counts as a yes, including the padding, and the precision is too low. AUC does not look
# for the mask either, and the cure is the same: pass sample weights. (Nor does recall. Here padding cannot change it:
# recall counts only places whose label is 1, and padding has the label 0.)

# %% [markdown] tags=["quiz"]
# Your texts have at most 120 words. You pad them to 240 instead of 120, and the accuracy per word rises by three
# points. What is the likeliest reason?
#
# - [ ] The network sees more words of the long texts.
#   All their words were there before. Only zeros have been added.
# - [x] The metric counts padding, and padding is easy.
#   More zeros, more easy answers. Compute the metric on the words alone: it should hardly change.
# - [ ] Longer inputs make the network deeper.
#   Its layers stay the same. A convolution uses the same weights at every place.
# - [ ] Padding works like dropout.
#   Dropout sets numbers to 0 at random, in training alone. Padding adds zeros to a text, always the same ones.

# %% [markdown]
# ### Exercise 17.2: accuracy by word
#
# Write a function that returns the share of right answers among the words of a whole batch. `y_true` and `y_predicted`
# are (texts, words) of 0 and 1, and `tokens` is 0 where there is padding. Every word counts equally, whether its text
# is short or long.


# %% tags=["solution"]
def word_accuracy(y_true, y_predicted, tokens):
    """Return the share of words whose answer is right; padding does not count."""
    is_word = tokens != 0
    return np.mean((y_true == y_predicted)[is_word])


# %% tags=["check"]
def draw(rng):
    rows, length = rng.integers(1, 5), rng.integers(2, 7)
    true, predicted = rng.integers(0, 2, (2, rows, length))
    ends = rng.integers(1, length + 1, rows)
    tokens = rng.integers(1, 50, (rows, length)) * (np.arange(length) < ends[:, None])
    return true, predicted, tokens


@exercise("17.2", word_accuracy, draw=draw)
def check(accuracy):
    tokens = np.array([[4, 9, 2, 7], [5, 3, 0, 0], [1, 0, 0, 0]])
    true = np.array([[0, 1, 0, 1], [1, 0, 0, 0], [1, 0, 0, 0]])
    predicted = np.array([[0, 1, 0, 0], [0, 0, 0, 0], [0, 1, 0, 0]])
    found = accuracy(true, predicted, tokens)
    expect(np.ndim(found) == 0, "Return one number for the whole batch.")
    mistakes = {
        "Padding is counted: 8 of all 12 places are right, but only 7 hold a word.": (
            8 / 12
        ),
        "The right words are divided by all places. Divide by the number of words.": (
            4 / 12
        ),
        (
            "Right padding is counted as right words. Leave it out of the numerator as"
            " well as of the denominator."
        ): 8 / 7,
        (
            "This is the mean over texts, in which a word of a short text counts more."
            " Count all words of the batch together."
        ): (3 / 4 + 1 / 2 + 0) / 3,
        "This is the share of wrong words.": 3 / 7,
    }
    expect_close(found, 4 / 7, f"4 of 7 words are right; you return {found}.", mistakes)


# %% tags=["wrong"] hint="Padding is counted"
def word_accuracy(y_true, y_predicted, tokens):
    return np.mean(y_true == y_predicted)


# %% tags=["wrong"] hint="Divide by the number of words"
def word_accuracy(y_true, y_predicted, tokens):
    return np.mean((y_true == y_predicted) & (tokens != 0))


# %% tags=["wrong"] hint="This is the mean over texts"
def word_accuracy(y_true, y_predicted, tokens):
    right = (y_true == y_predicted) & (tokens != 0)
    return np.mean(right.sum(axis=1) / (tokens != 0).sum(axis=1))


# %% [markdown]
# ### Exercise 17.3: the greatest answer to a word
#
# `found` holds the answers of filters, in the shape (texts, words, filters), and `tokens` is 0 where there is padding.
# For each text and each filter, return the greatest answer to a *word*, in the shape (texts, filters). There was no
# `relu`, so all answers to words may be below 0. Every text has at least one word. Do not change the arrays that you
# are given.


# %% tags=["solution"]
def greatest_of_words(found, tokens):
    """Return the greatest of `found` over the words of each text, (texts, filters)."""
    return np.where(tokens[..., None] != 0, found, -np.inf).max(axis=1)


# %% tags=["check"]
def draw(rng):
    rows, length, filters = rng.integers(1, 5), rng.integers(1, 6), rng.integers(1, 4)
    ends = rng.integers(1, length + 1, rows)
    tokens = rng.integers(1, 50, (rows, length)) * (np.arange(length) < ends[:, None])
    return rng.normal(rng.choice([-2.0, 0.0]), 1.0, (rows, length, filters)), tokens


@exercise("17.3", greatest_of_words, draw=draw)
def check(greatest):
    tokens = np.array([[3, 8, 0], [5, 0, 0]])
    found = np.array(
        [[[-1.0, 2.0], [-3.0, 1.0], [4.0, 5.0]], [[-2.0, -6.0], [7.0, 3.0], [8.0, 9.0]]]
    )
    given = found.copy(), tokens.copy()
    answer = np.asarray(greatest(*given))
    kept = np.array_equal(given[0], found) and np.array_equal(given[1], tokens)
    expect(kept, "Your function has changed an array that it was given.")
    expect(
        answer.shape == (2, 2),
        f"Two texts and two filters gave the shape {answer.shape}. Take the maximum"
        " over the words, axis 1.",
    )
    mistakes = {
        "Padding has won: its answers are above those of the words.": found.max(axis=1),
        (
            "A zero has won, where the answers to all words are below it. Padding must"
            " become smaller than any answer."
        ): (found * (tokens[..., None] != 0)).max(axis=1),
        "This is the mean over the words. Take the greatest.": [[-2, 1.5], [-2, -6]],
    }
    expect_close(answer, [[-1, 2], [-2, -6]], f"It returns {answer}.", mistakes)
    least = np.asarray(greatest(np.full((1, 2, 1), -1e12), np.array([[4, 0]])))
    expect(
        np.allclose(least, -1e12),
        "An answer of -1e12 lost to padding. Use a number below all others, -np.inf.",
    )


# %% tags=["wrong"] hint="Padding has won"
def greatest_of_words(found, tokens):
    return found.max(axis=1)


# %% tags=["wrong"] hint="A zero has won"
def greatest_of_words(found, tokens):
    return (found * (tokens[..., None] != 0)).max(axis=1)


# %% tags=["wrong"] hint="lost to padding"
def greatest_of_words(found, tokens):
    return np.where(tokens[..., None] != 0, found, -1e9).max(axis=1)


# %% [markdown]
# ## Network against baseline

# %% [markdown] tags=["predict"]
# The network sees the order of the words, and has hundreds of thousands of weights. The linear model counts words. Both
# have the same training texts, and both have thresholds chosen on the same validation texts. Which has the higher macro
# F1 on the test texts, and by how much?

# %%
from course.topics.text_figures import by_tag

by_tag(
    {"linear": linear_f1, "convolution": masked_f1},
    tags,
    title="F1 of each tag, the most frequent tag on top",
    label="F1 (test texts)",
)

# %%
_, number = np.unique(family[test], return_inverse=True)  # of each text's family
texts_of = [np.flatnonzero(number == each) for each in range(number.max() + 1)]


def ahead(first, second):
    """Return a function of families: macro F1 of the first minus the second."""

    def difference(drawn):
        rows = np.concatenate([texts_of[int(each)] for each in drawn])
        true = labels[test][rows]
        return (f1_by_tag(true, first[rows]) - f1_by_tag(true, second[rows])).mean()

    return difference


# %%
from course.evidence import paired_bootstrap

gain = masked_f1.mean() - linear_macro
convolution_ahead = ahead(masked_answers, linear_answers)
low, high = paired_bootstrap(
    convolution_ahead, np.arange(len(texts_of)), resamples=resamples
)

# %%
spread("17.convolution", "macro F1 of the convolution", masked_f1.mean())
spread("17.gain", "macro F1, convolution minus linear", gain)
spread("17.gain_low", "low end by the bootstrap (99%)", low)
spread("17.gain_high", "high end by the bootstrap (99%)", high)

# %% [markdown] tags=["answer"]
# In the figure, the convolution is behind for each tag whose square is left of the dot. Its macro F1 is
# {{17.convolution}}. The difference from the linear model is {{17.gain}}: {{17.gain:sign}}. With other test texts of
# the same kind, this difference would move. The low end of the bootstrap's 99% interval is at {{17.gain_low}}, and its
# high end at {{17.gain_high}}: {{17.gain_high:sign}}. So with nearly every seed the whole interval is below 0. (The
# bootstrap draws whole families, since siblings are alike. It keeps the trained models and their thresholds, so the
# interval may still be too narrow.)

# %% [markdown]
# Before you blame the network, ask what would help it. It has to learn from a few thousand texts what each word means,
# and most words occur in few of them. So what would more texts do? We cannot get more, but we can see what *fewer* do.
# The epochs stay the same, so with fewer texts the network takes fewer steps as well. `reinitialize` takes it back to
# its initial weights (lesson 09).

# %%
from course.training.reinitialize import reinitialize

mixed_train = np.random.default_rng(seed).permutation(train)
fewer = [mixed_train[: len(train) // parts] for parts in (4, 2, 1)]
trained = masked.get_weights()


def macro_f1(validation_and_test):
    """Return macro F1 on the test texts, thresholds chosen on validation texts."""
    return f1_by_tag(labels[test], decide(*validation_and_test)).mean()


# %%
by_size = {"linear": [], "convolution": []}
for rows in fewer[:-1]:
    fitted = linear_model().fit(text[rows], labels[rows])
    found = [fitted.predict_proba(text[part]) for part in (validation, test)]
    by_size["linear"].append(macro_f1(found))
    fit(reinitialize(masked, seed), rows)
    by_size["convolution"].append(macro_f1(on_held_out(masked)))
masked.set_weights(trained)
by_size["linear"].append(linear_macro)
by_size["convolution"].append(masked_f1.mean())
gaps = np.subtract(by_size["convolution"], by_size["linear"])

# %%
from course import plots

plots.lines(
    [len(rows) for rows in fewer],
    by_size,
    title="Macro F1 with fewer training texts",
    x_label="training texts",
    y_label="macro F1 (test texts)",
)

# %%
spread("17.gap_quarter", "convolution minus linear, a quarter of the texts", gaps[0])
bound(
    "17.gap_closes",
    "gap with all texts minus gap with a quarter",
    gaps[-1] - gaps[0],
    at_least={"full": 0},
)

# %% [markdown]
# With a quarter of the texts, the convolution's macro F1 minus the linear model's is {{17.gap_quarter}}. With all texts
# the difference is nearer to 0 with every seed, by {{17.gap_closes}}. So in this range, more texts, and the steps that
# come with them, help the network more than the linear model. We did not separate the effect of the texts from that of
# the steps. Nor can these data tell how many texts the network would need to catch up.
#
# The convolution has another handicap: it reads only the first words of a text (the parameter `words` sets how many),
# while TF-IDF reads them all. {{17.cut}} of the texts fill all their places, and those that are longer lose the rest.
#
# ### The same rows for a network
#
# Does the convolution lose because it is a network, or because of what it is given? To find out, give a network the
# very rows that the linear model gets, the TF-IDF of the texts. Then it knows from the start which words are rare, it
# reads each text to the end, and it differs from the linear model in its hidden layer and its training.

# %% [markdown] tags=["predict"]
# Where will the macro F1 of this network lie: near the convolution, near the linear model, or clearly above both?

# %%
counted = linear[0].transform(text).toarray().astype("float32")


def dense():
    """Return a new network for rows of TF-IDF."""
    keras.utils.set_random_seed(seed)
    hidden = layers.Dense(256, activation="relu")
    answers = layers.Dense(len(tags), activation="sigmoid")
    first = keras.Input((counted.shape[1],))
    return keras.Sequential([first, hidden, layers.Dropout(0.5), answers])


# %%
on_counts = fit(compiled(dense()), train, counted)
dense_macro = macro_f1(on_held_out(on_counts, counted))
dense_gain = dense_macro - linear_macro

# %%
spread("17.dense", "macro F1 of the network on TF-IDF", dense_macro)
spread(
    "17.dense_over_convolution",
    "macro F1, network on TF-IDF minus convolution",
    dense_macro - masked_f1.mean(),
)
spread("17.dense_gain", "macro F1, network on TF-IDF minus linear", dense_gain)

# %% [markdown] tags=["answer"]
# It reaches {{17.dense}}. The difference from the linear model is {{17.dense_gain}}: {{17.dense_gain:sign}}. The
# difference from the convolution is {{17.dense_over_convolution}}: {{17.dense_over_convolution:sign}}. So a network can
# come close to the linear model here, and with most seeds the larger part of the convolution's lag is not due to its
# being a network. It reads only the first words of a text, without the weights of TF-IDF, and its layers are of a
# different kind. (We did not measure how much each of these costs.)

# %% [markdown]
# ## Self-attention
#
# A convolution sees three words at a time. **Self-attention** lets each word read all words of its text. Three matrices
# of weights (each with a bias) turn the word's vector $x_t$ into three others. The *query* $q_t$ says what the word
# looks for, the *key* $k_t$ what it can be found by, and the *value* $v_t$ what it passes on. Word $t$ then takes a
# weighted mean of all values. The weights $a_{ts}$ come from a softmax over the *scores* $q_t \cdot k_s / \sqrt{d}$:
#
# $$\text{attended}_t = \sum_s a_{ts} v_s, \qquad
# a_{ts} = \frac{\exp(q_t \cdot k_s / \sqrt{d})}{\sum_r \exp(q_t \cdot k_r / \sqrt{d})}$$
#
# with $d$ numbers in a query. Padding must not be read, so we make its scores hugely negative, and no weight is left
# for it. All this is one *head*. Several heads work side by side, each with its own matrices, and one more matrix
# joins their results.
#
# `np.einsum` multiplies arrays and sums over every axis that the result does not name. In the code below, `b` is a
# text, `t` and `s` are words, `h` is a head, `d` a feature of a word, and `k` a number in a query. (So `k` runs over
# the $d$ numbers of the formula.)


# %%
def softmax(scores):
    powers = np.exp(scores - scores.max(axis=-1, keepdims=True))
    return powers / powers.sum(axis=-1, keepdims=True)


def project(x, kernel, bias):
    """Turn the words' vectors into the queries, keys or values of every head."""
    return np.einsum("btd,dhk->bhtk", x, kernel) + bias[:, None]


# %%
def attend(x, is_word, weights):
    """Return what each word takes from its text, and with which weights; `x` is
    (texts, words, features), `is_word` (texts, words)."""
    *projections, joined, joined_bias = weights
    pairs = zip(projections[::2], projections[1::2], strict=True)
    query, key, value = (project(x, kernel, bias) for kernel, bias in pairs)
    scores = np.einsum("bhtk,bhsk->bhts", query, key) / np.sqrt(query.shape[-1])
    read = softmax(np.where(is_word[:, None, None], scores, -1e9))
    taken = np.einsum("bhts,bhsk->bhtk", read, value)
    return np.einsum("bhtk,hkd->btd", taken, joined) + joined_bias, read


# %% [markdown]
# Now the same in Keras, within a network: what a word has taken is added to its own vector, and `LayerNormalization`
# scales the sum. A dense layer then answers for each word, and the network ends as before.


# %%
def attentive():
    """Return a new network with one block of self-attention."""
    keras.utils.set_random_seed(seed)
    token = keras.Input((None,), dtype="int32")
    is_word = ops.not_equal(token, 0)
    vectors = layers.Embedding(vocabulary, 64, name="embedding")(token)
    block = layers.MultiHeadAttention(2, 32, name="attention")
    taken = block(vectors, vectors, attention_mask=ops.expand_dims(is_word, 1))
    mask = ops.expand_dims(ops.cast(is_word, "float32"), -1)
    mixed = layers.LayerNormalization()(vectors + taken) * mask
    found = layers.Dense(128, activation="relu")(mixed) * mask
    return tagger(token, mixed, found, mask)


# %%
attention = fit(compiled(attentive()), train)

# %% [markdown]
# Do our lines of code and Keras agree, with the trained weights?

# %%
some = test[:50]
vectors = np.asarray(attention.get_layer("embedding")(tokens[some]))
block = attention.get_layer("attention")
ours, read = attend(vectors, tokens[some] != 0, block.get_weights())
theirs = np.asarray(
    block(vectors, vectors, attention_mask=(tokens[some] != 0)[:, None])
)
off = np.abs(ours - theirs).max()

# %%
fact("17.attention_equal", "attention in NumPy is Keras' (to 1e-5)", off <= 1e-5)
fact(
    "17.attention_padding",
    "no word reads padding",
    read.transpose(0, 3, 1, 2)[tokens[some] == 0].max(initial=0) == 0,
)

# %% [markdown]
# They do. Who reads whom? Here is the shortest of these texts. Each square is the weight $a_{ts}$ with which the word
# on the left reads the word at the bottom, averaged over the heads. `[UNK]` is any word outside the vocabulary.

# %%
from course.topics.text_figures import attention_map

place = int(np.argmin(lengths[some]))
shown = min(lengths[some][place], 20)
known = vectorize.get_vocabulary()
spoken = [str(known[number]) for number in tokens[some[place]][:shown]]
attention_map(
    read[place].mean(axis=0)[:shown, :shown],
    spoken,
    title="Which word reads which",
)

# %% [markdown]
# Each row of the figure sums to 1, and a dark column is a word that many others read. It is tempting to read such a
# picture as the network's reasons. Be careful: other weights often lead to the same answer (Jain and Wallace, in
# Further reading).

# %% [markdown] tags=["predict"]
# Shuffle the words of each text, and leave the padding at the end. Whose answers will change: those of the convolution,
# those of self-attention, both, or neither?

# %%
rng = np.random.default_rng(seed)
shuffled = tokens[some].copy()
for row, length in enumerate(lengths[some]):
    shuffled[row, :length] = rng.permutation(shuffled[row, :length])

changes = {
    name: float(np.abs(np.asarray(model(shuffled)) - answer(model, some)).max())
    for name, model in {"convolution": masked, "attention": attention}.items()
}
print({name: change > 1e-4 for name, change in changes.items()})

# %%
bound(
    "17.order_convolution",
    "greatest change by shuffling, convolution",
    changes["convolution"],
    at_least={"full": 0.1, "fast": 0.001},
)

# %%
fact(
    "17.order_attention",
    "shuffling changes no answer of attention (to 1e-4)",
    changes["attention"] <= 1e-4,
)

# %% [markdown] tags=["answer"]
# Only those of the convolution change, by up to {{17.order_convolution}}. Look at the formula: it sums over all words,
# and a sum has no order. To self-attention, a text is a *bag* of words, as it is to the linear model: what counts is
# how often a word occurs, not where. That is why *transformers*, the large networks made of such blocks, also tell each
# word its place.

# %%
attention_f1 = f1_by_tag(labels[test], decide(*on_held_out(attention)))
attention_gain = attention_f1.mean() - masked_f1.mean()
attention_to_linear = attention_f1.mean() - linear_macro

# %%
spread("17.attention", "macro F1 of attention", attention_f1.mean())
spread("17.attention_gain", "macro F1, attention minus convolution", attention_gain)
bound(
    "17.attention_to_linear",
    "macro F1, attention minus linear",
    attention_to_linear,
    at_most={"full": 0},
)

# %% [markdown]
# ### Together
#
# Lesson 13 took the mean of several models. You have trained three networks (the convolution with its mask,
# self-attention, and the network on TF-IDF) and a linear model. First take the mean of the three networks'
# probabilities: we call it *three networks*. Then take the mean of that and the linear model's probabilities: we call
# it *all together*. There the linear model weighs as much as the three networks taken together.
#
# F1 also depends on luck with the thresholds: a rare tag has few validation texts to choose its threshold on. So we add
# **average precision** (lesson 09). It needs no threshold, since it asks whether the texts that have the tag are ranked
# first.

# %% [markdown] tags=["predict"]
# Which of these have a higher average precision than the linear model: the network on TF-IDF, the three networks, all
# together, or none of them?


# %%
def together(*models):
    """Return the mean of the models' probabilities, for validation and test texts."""
    return [np.mean(part, axis=0) for part in zip(*models, strict=True)]


by_linear = [linear_validation, linear_test]
by_convolution = on_held_out(masked)
by_attention = on_held_out(attention)
by_dense = on_held_out(on_counts, counted)
three = together(by_convolution, by_attention, by_dense)
everyone = together(by_linear, three)

# %%
from sklearn.metrics import average_precision_score

occurs = labels[test].any(axis=0)  # leave out tags that no test text has


def average_precision(validation_and_test):
    """Return the mean of the tags' average precision on the test texts."""
    probabilities = validation_and_test[1]
    return average_precision_score(labels[test][:, occurs], probabilities[:, occurs])


# %%
ap_linear = average_precision(by_linear)
ap_convolution, ap_dense, ap_three, ap_everyone = (
    average_precision(found) - ap_linear
    for found in (by_convolution, by_dense, three, everyone)
)
three_gain, everyone_gain = (
    macro_f1(found) - linear_macro for found in (three, everyone)
)

# %%
spread("17.ap_linear", "average precision of the linear model", ap_linear)
spread(
    "17.ap_convolution", "average precision, convolution minus linear", ap_convolution
)
spread("17.ap_dense", "average precision, network on TF-IDF minus linear", ap_dense)
spread("17.ap_three", "average precision, three networks minus linear", ap_three)
spread("17.ap_everyone", "average precision, all minus linear", ap_everyone)
spread("17.three_gain", "macro F1, three networks minus linear", three_gain)
spread("17.everyone_gain", "macro F1, all minus linear", everyone_gain)

# %% [markdown] tags=["answer"]
# The average precision of the linear model is {{17.ap_linear}}. The table shows how far the others are from it:
#
# | | average precision minus the linear model's | sign over the seeds |
# | --- | --- | --- |
# | convolution | {{17.ap_convolution}} | {{17.ap_convolution:sign}} |
# | network on TF-IDF | {{17.ap_dense}} | {{17.ap_dense:sign}} |
# | three networks | {{17.ap_three}} | {{17.ap_three:sign}} |
# | all together | {{17.ap_everyone}} | {{17.ap_everyone:sign}} |
#
# Neither the convolution nor the network on TF-IDF is above the linear model, nor are the three networks. But all
# together are, with every seed. So the networks and the linear model err, in part, in different places.

# %% [markdown]
# So when does a network beat the linear model? With this many texts and no pretraining, none of our networks beats it
# alone. Together with the linear model, the networks rank the texts better than the linear model alone. Macro F1
# agrees, but its thresholds add noise, so with a few seeds two models change places:
#
# | | macro F1 on the test texts | sign over the seeds |
# | --- | --- | --- |
# | linear model | {{17.linear}} | |
# | convolution | {{17.convolution}} | |
# | self-attention | {{17.attention}} | |
# | network on TF-IDF | {{17.dense}} | |
# | convolution minus linear | {{17.gain}} | {{17.gain:sign}} |
# | self-attention minus linear | {{17.attention_to_linear}} | {{17.attention_to_linear:sign}} |
# | network on TF-IDF minus linear | {{17.dense_gain}} | {{17.dense_gain:sign}} |
# | self-attention minus convolution | {{17.attention_gain}} | {{17.attention_gain:sign}} |
# | three networks minus linear | {{17.three_gain}} | {{17.three_gain:sign}} |
# | all together minus linear | {{17.everyone_gain}} | {{17.everyone_gain:sign}} |
#
# Self-attention, which sees the whole text at once, is slightly below the convolution, which sees three words at a
# time, with nearly every seed. A newer layer is not by itself a better model.
#
# When we planned this lesson, we wanted the macro F1 of the best network to be at most 0.02 below that of the linear
# model, with every seed. **Not reached:** with some seeds the network on TF-IDF is further below, and so are the three
# networks. Both measures say that the network on TF-IDF is worse than the linear model, if only by a little: macro F1
# with nearly every seed, average precision with every seed.
#
# The tuning favors the networks: their rates and epochs were tried on splits of these same programs, while the strength
# of the linear model's penalty is scikit-learn's default. The input favors the linear model: the convolution and
# self-attention get the first words only. Networks usually win through what they have read before: they start from
# weights trained on millions of other texts (compare lesson 14). This course has no such weights, so we make no claim
# about what they would achieve here.

# %% [markdown]
# ## A missing tag is not a no
#
# So far, a tag that nobody gave counted as a no. But volunteers may forget a tag. If a model gives the tag `editing` to
# a photo organizer, and the volunteers did not, who is right? Precision blames the model.
#
# The only way to find out is to look. A *false alarm* is a yes from the model where the labels say no. From the linear
# model's false alarms (seed 0, test texts, threshold 0.5 in place of the chosen ones) we drew {{17.checked}} at random.
# One reader, who knew that the model had said yes, read each description and judged whether the tag applies. Here is
# the whole sample, so that you can judge the judge:

# %%
checked = table("debian_checked")
print(checked.to_string(index=False))

# %%
from scipy.stats import binomtest

verdicts = checked["applies"].value_counts()
apply = int(verdicts["yes"])
share = binomtest(apply, len(checked)).proportion_ci(0.95)
print(verdicts.to_dict())
print(
    f"apply: {apply / len(checked):.2f}, "
    f"95% interval {share.low:.2f} to {share.high:.2f}"
)

# %%
fact("17.checked", "false alarms checked", len(checked), equals=60)
fact("17.apply", "of them apply", apply, equals=20)
fact("17.unclear", "of them unclear", verdicts["unclear"], equals=12)

# %% [markdown]
# According to this reader, {{17.apply}} of {{17.checked}} "errors" were right, and {{17.unclear}} more could not be
# decided from the description; we count those as errors. The interval says what the luck of the draw may have done. It
# does not say what another reader would have found.
#
# Now let $P$ be the share of the model's yeses that agree with the labels, and $s$ the share of its false alarms whose
# tag applies all the same. Then the precision is $P + (1 - P)\,s$. (Here $P$ is the precision over all tags together,
# *micro* precision.)

# %% [markdown] tags=["predict"]
# By how much will the linear model's precision rise once you allow for missing tags: by less than five points, by about
# ten, or by more than twenty?

# %%
alarms = linear_test > 0.5
by_labels = labels[test][alarms].mean()
corrected = {
    name: by_labels + (1 - by_labels) * of_false
    for name, of_false in {
        "low": share.low,
        "estimate": apply / len(checked),
        "high": share.high,
    }.items()
}

# %%
spread("17.precision", "micro precision by the labels", by_labels)
spread("17.precision_corrected", "allowing for missing tags", corrected["estimate"])
spread("17.precision_low", "low end of the interval", corrected["low"])
spread("17.precision_high", "high end of the interval", corrected["high"])

# %%
bound(
    "17.precision_rise",
    "what that adds to precision",
    100 * (corrected["estimate"] - by_labels),
    at_least={"full": 8},
    at_most={"full": 12},
    unit="points",
    digits=1,
)

# %% [markdown] tags=["answer"]
# It rises by about ten points: {{17.precision_rise}}. By the labels, precision is {{17.precision}}. Allowing for
# missing tags, it is about {{17.precision_corrected}}. The low end of the interval puts it at {{17.precision_low}}, the
# high end at {{17.precision_high}}. If our reader is right, about a third of what looked like the model's errors are
# gaps in the labels.

# %% [markdown]
# An expert would object, rightly:
#
# - **One reader judged, once, and knew what the model had said.** Such a reader tends to agree. A better design has two
#   readers who judge independently, reports how often they agree, and mixes in tags to which the model said no.
# - **One split.** The sample is from the test texts of seed 0. For other seeds, we reuse its share.
# - **The sample is of one model.** It says nothing about the false alarms of the networks: they may be better or worse.
# - **Recall is wrong as well.** Tags that apply but that neither the volunteers nor the model gave are not counted
#   anywhere.
# - **The training labels have the same gaps.** The model has been taught to say no where yes was right. That has
#   lowered some of its probabilities, and no correction of the test labels can undo that.

# %% [markdown] tags=["quiz"]
# A colleague's network has a precision of 0.65 by these labels, your linear model one of 0.70. Whose is higher, once
# you allow for missing tags?
#
# - [ ] Yours, since both gain the same.
#   The gain is $(1 - P)\,s$, and $s$ may differ. Nobody has looked at the network's false alarms.
# - [ ] The colleague's, since it has more false alarms to gain from.
#   It has more false alarms, but nobody knows how many of them apply.
# - [x] You cannot tell until its false alarms are checked, too.
#   A model that has found what the volunteers forgot has a large $s$. The sample of one model cannot stand for another.
# - [ ] Neither: missing tags change recall only.
#   A missing tag turns a right yes into a false alarm, which lowers precision.

# %% [markdown]
# ## What you have learned
#
# - `TextVectorization` turns words into numbers, by counts of the training texts only; an embedding turns numbers into
#   vectors. With a sigmoid for each tag, the network answers with a set.
# - Start with TF-IDF and logistic regression. Compare with the same split, with thresholds chosen in the same way, and
#   with an interval. Keep siblings in one part. On a few thousand texts neither the convolution nor the network
#   on TF-IDF ranked better than the linear model; the mean of all did.
# - Layers and metrics that know no mask take padding for words. Test it: the same text, alone and padded, must get the
#   same answer. Where the mask is lost, pass sample weights.
# - Self-attention is four projections, a softmax and a weighted mean; our NumPy version equals Keras'. It sees no order
#   unless you add one.
# - A missing label is not a no. A sample checked by hand says what missing labels do to precision, and an interval says
#   how much so few checks can tell.
# - A message about shapes names two shapes. Name each axis: the extra axis tells you which layer is missing.
#
# ## Try next
#
# - Split the programs one by one: after the cell that makes `mixed`, add a cell with `test, validation, train =
#   np.split(mixed, [one_fifth, 2 * one_fifth])`. How much of the linear model's F1 was due to siblings?
# - Use `GlobalAveragePooling1D` instead of `GlobalMaxPooling1D`, without the mask. How large is the effect of padding
#   now?
# - Add an embedding of the place to the vectors of `attentive`: `place = ops.cumsum(ops.ones_like(token), axis=1) - 1`
#   numbers the words, and `layers.Embedding(words, 64)(place)` gives each number a vector. Do the answers now depend on
#   the order? Is macro F1 higher?
# - Draw twenty false alarms of the convolution and check them yourself. Is your share near ours?
