"""The window: all of Qt, and nothing but Qt. The rest of photosim never imports this package."""
