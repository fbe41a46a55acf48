"""After `keras.utils.set_random_seed`, `fit(arrays)` shuffles once and repeats that order in every epoch.

    python keras_same_order_every_epoch.py

Needs Keras 3 on TensorFlow and nothing else. The documentation of `fit` says: "shuffle: Boolean, whether to shuffle
the training data before each epoch." So the three epochs of a fit should hold different batches, with a seed as
without. With Keras 3.15.1 and TensorFlow 2.21.0 they do without one; with one, all epochs hold the same batches, and
so does a second fit.

Where it comes from: `ArrayDataAdapter.get_tf_dataset` shuffles by `tf.random.shuffle` inside `Dataset.map`. Each epoch
starts a new iterator over that data set, and with it the random operation starts again from its seed.
`Dataset.range(rows).shuffle(rows)` in its place would deal anew (last line printed).
"""

import keras
import tensorflow as tf

ROWS = 12
BATCH = 4


class Recorder(keras.Model):
    """Trains nothing, and notes the rows of each batch."""

    def __init__(self):
        super().__init__()
        self.seen = []

    def call(self, x):
        return x

    def train_step(self, data):
        x, _ = data
        tf.py_function(lambda batch: self.seen.append(batch.numpy().ravel().tolist()), [x], [])
        return {"loss": tf.zeros(())}


def batches(model, *data, **options):
    """The batches of a fit, as one text for each of its three epochs."""
    model.seen.clear()
    model.fit(*data, epochs=3, verbose=0, **options)
    steps = ROWS // BATCH
    return [" ".join(map(str, model.seen[i : i + steps])) for i in range(0, 3 * steps, steps)]


def report(what, expected, epochs):
    found = "the same in every epoch" if len(set(epochs)) == 1 else "new in every epoch"
    print(f"{what}\n  expected: {expected}\n  found:    {found}")
    for number, rows in enumerate(epochs, start=1):
        print(f"    epoch {number}: {rows}")


def main():
    print("Keras", keras.__version__, "on TensorFlow", tf.__version__)
    x = tf.range(ROWS)[:, None]
    new = "new in every epoch"
    for run_eagerly in (False, True):
        model = Recorder()
        model.compile(run_eagerly=run_eagerly)
        how = "eagerly" if run_eagerly else "as a graph"
        tf.random.set_seed(None)
        report(f"fit(arrays) {how}, no seed", new, batches(model, x, x, batch_size=BATCH))
        keras.utils.set_random_seed(0)
        report(f"fit(arrays) {how}, seeded", new, batches(model, x, x, batch_size=BATCH))
        report(f"fit(arrays) {how}, once more", new, batches(model, x, x, batch_size=BATCH))
    dealt = tf.data.Dataset.from_tensor_slices((x, x)).shuffle(ROWS, seed=0).batch(BATCH)
    report("fit(tf.data with shuffle), seeded", new, batches(model, dealt, shuffle=False))


if __name__ == "__main__":
    main()
