"""Thumbnails made anew, for what is asked and for what a trunk is tuned by.

The cache folder may be emptied at any time, and a scan makes no thumbnails of photos that have not changed.
"""

from __future__ import annotations

from collections.abc import Generator, Sequence, Set
from itertools import chain

from photosim.catalog import Answer
from photosim.catalog.records import Photo
from photosim.errors import PhotosimError
from photosim.library import Library
from photosim.teaching.seen import by_chance
from photosim.teaching.tuned_trunk import MOST_KEPT_BACK, MOST_LEFT_OUT, MOST_TRIPLETS, REHEARSED


def thumbnail_of(library: Library, photo: Photo) -> bytes | None:
    """A photo's thumbnail, JPEG, made anew where it has gone; None where it cannot be.

    Blocks while the photo is read: not for the GUI's thread. Raises LibraryError where the thumbnails
    cannot be read.
    """
    found = library.thumbnails.get(photo.content_hash)
    if found is None:
        try:
            if library.renew_thumbnail(photo.id):
                found = library.thumbnails.get(photo.content_hash)
        except PhotosimError:
            return None  # the next scan says what is wrong with the photo
    return found


def renew_for_trunk(library: Library, seed: int = 0) -> Generator[tuple[int, int], None, None]:
    """Make the missing thumbnails anew that a tuning of the trunk needs; after each: how many of how many.

    Those of the answers' photos, the latest answers first, and those to rehearse with; no more than one
    training takes, and none of offline photos. A photo that cannot be read is passed over. Raises
    LibraryError where the catalog or the thumbnails cannot be read.
    """
    catalog, having = library.catalog, library.thumbnails.hashes()
    answers = [answer for answer in catalog.answers.all() if not answer.neither]
    asked = set(chain.from_iterable(answer.triplet for answer in answers))
    lacking = [
        *_lacking([one for one in answers if not one.kept_back], having, MOST_TRIPLETS + MOST_LEFT_OUT),
        *_lacking([one for one in answers if one.kept_back], having, MOST_KEPT_BACK),
    ]
    photos = list(catalog.photos(list(catalog.ids_by_hash(dict.fromkeys(lacking)).values())).values())
    photos = [photo for photo in photos if not photo.offline]
    short = REHEARSED - len(having - asked)
    for photo in by_chance(catalog, seed):
        if short <= 0:
            break
        if photo.content_hash not in having and photo.content_hash not in asked and not photo.offline:
            photos.append(photo)
            short -= 1
    for done, photo in enumerate(photos, 1):
        thumbnail_of(library, photo)
        yield done, len(photos)


def _lacking(answers: Sequence[Answer], having: Set[bytes], most: int) -> list[bytes]:
    """The photos without a thumbnail, by content hash, of so many answers that `most` of them can be seen."""
    blind = [answer for answer in reversed(answers) if not having >= set(answer.triplet)]
    wanted = max(0, most - (len(answers) - len(blind)))
    return [item for answer in blind[:wanted] for item in answer.triplet if item not in having]
