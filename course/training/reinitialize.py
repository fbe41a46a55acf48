"""A model taken back to before its training, for lessons that train often: compiling takes longer than they do."""

import keras


def reinitialize(model: keras.Model, seed: int) -> keras.Model:
    """Take a compiled model back to before its training: first weights drawn from `seed`, the optimizer's memory empty.

    What Keras has compiled stays and serves again: to compile another model takes longer than many a training. The
    learning rate stays as it is. Returns the model; one that `keras.models.clone_model` can copy, so no subclass.
    """
    keras.utils.set_random_seed(seed)
    fresh = keras.models.clone_model(model)  # draws as when its layers are made one after the other
    optimizer = type(model.optimizer).from_config(model.optimizer.get_config())
    for each in (model.optimizer, optimizer):
        each.build(model.trainable_variables)  # does nothing where it is done
    for kept, new in ((model, fresh), (model.optimizer, optimizer)):
        for variable, value in zip(kept.variables, new.variables, strict=True):
            variable.assign(value)
    return model
