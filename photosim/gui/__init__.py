"""The window: all of Qt, and nothing but Qt. The rest of photosim never imports this package."""

from photosim.gui.overrides import make_errors_whole

make_errors_whole()  # before any class of the window is made
