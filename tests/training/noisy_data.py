"""Data of Python with a memory, which tests of checkpoints train and validate with."""

import keras
import numpy as np

rng = np.random.default_rng(0)
X = rng.normal(size=(16, 3)).astype("float32")
Y = rng.normal(size=(16, 1)).astype("float32")


class Noisy(keras.utils.PyDataset):
    """Adds noise and changes at each epoch what it holds, as an order of its own."""

    def __init__(self, noise=0.1):
        super().__init__()
        self.noise = noise
        self.generator = np.random.default_rng(1)
        self.epochs = 0

    def __len__(self):
        return 2

    def __getitem__(self, batch):
        rows = slice(8 * batch, 8 * batch + 8)
        return X[rows] + self.noise * self.generator.normal(size=(8, 3)), Y[rows]

    def on_epoch_end(self):
        self.epochs += 1
