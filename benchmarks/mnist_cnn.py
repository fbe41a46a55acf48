"""Kill the network of Keras' own example while it learns all of MNIST, and compare it with a run left alone.

    python -m benchmarks.mnist_cnn

Lesson 11 kills a network an eighth as wide, on a few hundred digits. This is the network itself (1,199,882 parameters)
on 60,000 digits for twelve epochs, with a checkpoint every hundred batches. One run is left alone; another is ended by
SIGKILL twice, in the middle of its second and of its fifth epoch, and started again, which must go on in that epoch.
Both must end with the same weights, optimizer state and history; the accuracy on the test digits is printed beside the
99.25% of the example's heading. Two cores need about half an hour.
"""

import argparse
import hashlib
import subprocess
import sys
import tempfile
from pathlib import Path

import keras
import numpy as np

from course.data import load
from course.training.checkpoints import Checkpoints

PUBLISHED = (
    0.9925  # keras 2.3.1, examples/mnist_cnn.py: "Gets to 99.25% test accuracy after 12 epochs"
)
BATCH_SIZE = 128
SAVE_FREQ = 100  # batches


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--epochs", type=int, default=12, help="at least 5 (default: 12)")
    parser.add_argument("--train", type=Path, help=argparse.SUPPRESS)  # one process, in this folder
    options = parser.parse_args()
    if options.epochs < 5:
        parser.error(
            f"--epochs {options.epochs}: must be at least 5, in which the second kill falls"
        )
    if options.train:
        train(options.train, options.epochs)
        return
    with tempfile.TemporaryDirectory() as parent:
        alone = process(Path(parent, "alone"), options.epochs, first=1)
        began = 1
        for epoch in (2, 5):
            last = f"epoch {epoch}, batch 150"
            process(Path(parent, "killed"), options.epochs, first=began, last=last)
            began = epoch
        resumed = process(Path(parent, "killed"), options.epochs, first=began)
    print("left alone       ", alone)
    print("killed twice     ", resumed)
    print(f"published accuracy {PUBLISHED:.4f}")
    if alone != resumed:
        raise SystemExit("the resumed run is another")


def process(folder: Path, epochs: int, *, first: int, last: str = "") -> str:
    """Start training, which must begin in epoch `first`, and return its last line; after the line `last` kill it."""
    command = [
        sys.executable,
        "-m",
        "benchmarks.mnist_cnn",
        "--train",
        str(folder),
        f"--epochs={epochs}",
    ]
    lines: list[str] = []
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as child:
        for line in child.stdout or ():
            lines.append(line.strip())
            if last and line.startswith(last):
                child.kill()
                break
    if not lines or (last and not lines[-1].startswith(last)) or (child.returncode and not last):
        raise SystemExit(
            f"training ended with exit status {child.returncode}, before {last or 'its end'}"
        )
    began = next((line for line in lines if line.startswith("epoch ")), "nothing")
    if not began.startswith(f"epoch {first},"):
        raise SystemExit(f"training began with {began}, not in epoch {first}")
    return lines[-1]


def train(folder: Path, epochs: int) -> None:
    """Train to the end, whatever an earlier process left in the folder, and print what must be equal."""
    digits = load("mnist")
    x = np.concatenate([digits.x_train, digits.x_validation])[..., None].astype("float32") / 255
    y = np.concatenate([digits.y_train, digits.y_validation])
    model = network()
    run = Checkpoints(folder, save_freq=SAVE_FREQ, keep=2, monitor="loss")
    model.fit(
        run.shuffled(x, y, batch_size=BATCH_SIZE, seed=0),
        epochs=epochs,
        shuffle=False,
        verbose=0,
        callbacks=[run, Reports()],
    )
    x_test = digits.x_test[..., None].astype("float32") / 255
    _, accuracy = model.evaluate(x_test, digits.y_test, batch_size=1000, verbose=0)
    content = [
        variable.numpy().tobytes() for variable in model.variables + model.optimizer.variables
    ]
    content.append(repr(model.history.history).encode())
    digest = hashlib.sha256(b"".join(content)).hexdigest()[:16]
    print(f"test accuracy {accuracy:.4f}, sha256 of weights, optimizer and history {digest}")


def network() -> keras.Model:
    """The network of the example, with Adam."""
    layers = keras.layers
    keras.utils.set_random_seed(0)
    model = keras.Sequential(
        [
            keras.Input((28, 28, 1)),
            layers.Conv2D(32, 3, activation="relu"),
            layers.Conv2D(64, 3, activation="relu"),
            layers.MaxPooling2D(),
            layers.Dropout(0.25),
            layers.Flatten(),
            layers.Dense(128, activation="relu"),
            layers.Dropout(0.5),
            layers.Dense(10, activation="softmax"),
        ]
    )
    model.compile(
        "adam", "sparse_categorical_crossentropy", metrics=["accuracy"], jit_compile=False
    )
    return model


class Reports(keras.callbacks.Callback):
    """Prints every fiftieth batch that is done."""

    def on_epoch_begin(self, epoch, logs=None):
        self._epoch = epoch + 1

    def on_train_batch_end(self, batch, logs=None):
        if (batch + 1) % 50 == 0:
            print(f"epoch {self._epoch}, batch {batch + 1}", flush=True)


if __name__ == "__main__":
    main()
