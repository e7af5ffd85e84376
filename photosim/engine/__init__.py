"""The worker processes that decode and embed, and the application's side of them."""
