"""Hides code in a saved model, which runs when the model is loaded."""

import keras

STOPPED_BY = ("files", "user")


def attack(target):
    secret = target["secret"]
    read = keras.layers.Lambda(
        lambda x: x + len(open(secret).read()),  # noqa: SIM115  # no import is there when it is loaded
        output_shape=(1,),
    )
    keras.Sequential([keras.Input((1,)), read]).save("/tmp/innocent.keras")
    model = keras.models.load_model("/tmp/innocent.keras", safe_mode=False)
    return float(model(keras.ops.zeros((1, 1)))[0, 0])
