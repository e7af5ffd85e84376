"""What a user teaches: answers about their own photos, and the models that are tuned to them."""
