"""A file becomes upright RGB pixels, a thumbnail, EXIF facts and a perceptual hash."""
