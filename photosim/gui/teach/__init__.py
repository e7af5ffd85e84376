"""The view in which a user teaches photosim what similar means: questions, training, comparison."""
