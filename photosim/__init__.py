"""Find the photos that look alike in a person's own library, on that person's own machine."""

__version__ = "0.1.0"
