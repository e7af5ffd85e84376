"""Answers as CSV: out and in again, whatever a spreadsheet or a stranger makes of the file."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from photosim.catalog import Catalog
from photosim.errors import TeachingError
from photosim.teaching import answer_files
from photosim.teaching.answer_files import UnknownPhoto, read_answers, write_answers
from tests.catalog.rows import digest, found, put

HEADER = "anchor,positive,negative\n"
NAMES = (
    "a.jpg",
    "b.jpg",
    "c.jpg",
    "d.jpg",
    'odd, "name"\n.jpg',
    " space.jpg",
    "häuser 東京.jpg",
    "sub/e.jpg",
)


@pytest.fixture
def pictures(tmp_path: Path) -> Path:
    folder = tmp_path / "pictures"
    folder.mkdir()
    return folder


@pytest.fixture
def catalog(tmp_path: Path, pictures: Path) -> Iterator[Catalog]:
    """A library of photos whose contents are their names."""
    opened = Catalog(tmp_path / "catalog.sqlite3")
    folder_id = opened.add_folder(pictures).id
    put(opened, *(found(folder_id, name, name) for name in NAMES))
    yield opened
    opened.close()


def triplet(anchor: str, positive: str, negative: str) -> tuple[bytes, bytes, bytes]:
    return digest(anchor), digest(positive), digest(negative)


ABC, DBC = triplet("a.jpg", "b.jpg", "c.jpg"), triplet("d.jpg", "b.jpg", "c.jpg")


def test_what_is_written_is_read_again_in_another_library(
    catalog: Catalog, pictures: Path, tmp_path: Path
) -> None:
    given = [ABC, triplet(NAMES[4], NAMES[5], NAMES[6]), triplet("sub/e.jpg", "b.jpg", "a.jpg"), DBC]
    catalog.answers.add_many(given, "file")
    catalog.answers.add(*triplet("b.jpg", "a.jpg", "c.jpg"), source="question", neither=True)
    catalog.answers.add(digest("gone"), *ABC[1:], source="question")
    path = tmp_path / "answers.csv"
    assert write_answers(path, catalog) == 4
    read = read_answers(path, catalog)
    assert (read.triplets, read.unknown, read.faulty) == (tuple(given), (), ())
    other = Catalog(tmp_path / "other.sqlite3")
    put(other, *(found(other.add_folder(pictures).id, name, name) for name in NAMES))
    assert len(other.answers.add_many(read_answers(path, other).triplets, "file")) == 4
    assert [answer.triplet for answer in other.answers.all()] == given
    other.close()


def test_unknown_photos_are_named_and_the_rest_is_used(
    catalog: Catalog, pictures: Path, tmp_path: Path
) -> None:
    path = pictures / "answers.csv"
    (pictures / "new.jpg").write_bytes(b"not scanned yet")
    path.write_text(
        HEADER + "a.jpg,b.jpg,c.jpg\na.jpg,nowhere.jpg,c.jpg\nnew.jpg,nowhere.jpg,b.jpg\nd.jpg,b.jpg,c.jpg\n"
    )
    read = read_answers(path, catalog)
    assert read.triplets == (ABC, DBC)
    assert read.unknown == (UnknownPhoto(3, "nowhere.jpg", False), UnknownPhoto(4, "new.jpg", True))


def test_faulty_lines_are_told_and_the_rest_is_used(catalog: Catalog, pictures: Path) -> None:
    path = pictures / "answers.csv"
    path.write_text(
        HEADER
        + "a.jpg,b.jpg\n\na.jpg,b.jpg,c.jpg\na.jpg,a.jpg,c.jpg\na.jpg,b.jpg,c.jpg,d.jpg\n,b.jpg,c.jpg\n"
        "  ,  ,\na.jpg,b.jpg,c.jpg\n"
    )
    read = read_answers(path, catalog)
    assert read.triplets == (ABC,)
    assert [line for line, _ in read.faulty] == [2, 5, 6, 7]
    reasons = [reason for _, reason in read.faulty]
    assert reasons[0] == reasons[3] == "a photo is missing"
    assert "three different" in reasons[1] and "4 cells for 3 columns" in reasons[2]


@pytest.mark.parametrize(
    "data",
    [
        b"\xef\xbb\xbfanchor,positive,negative\r\na.jpg,b.jpg,c.jpg\r\n",
        b'"anchor","positive","negative"\n"a.jpg","b.jpg","c.jpg"',
        b"anchor,positive,negative\ra.jpg,b.jpg,c.jpg\r",
        b"\n\nanchor,positive,negative\n\na.jpg, b.jpg ,c.jpg\n\n\n",
        b"when,Negative,POSITIVE, Anchor \n2026,c.jpg,b.jpg,a.jpg\n",
    ],
    ids=["byte order mark", "quoted", "carriage returns", "space", "other columns"],
)
def test_what_spreadsheets_make_of_it_is_read(catalog: Catalog, pictures: Path, data: bytes) -> None:
    path = pictures / "answers.csv"
    path.write_bytes(data)
    read = read_answers(path, catalog)
    assert (read.triplets, read.unknown, read.faulty) == ((ABC,), (), ())


def test_relative_paths_are_looked_for_beside_the_file_then_here(
    catalog: Catalog, pictures: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (pictures / "sub").mkdir()
    beside = pictures / "sub" / "answers.csv"
    beside.write_text(HEADER + f"../a.jpg,{pictures}/b.jpg,../sub/../c.jpg\n")
    assert read_answers(beside, catalog).triplets == (ABC,)
    elsewhere = tmp_path / "answers.csv"
    elsewhere.write_text(HEADER + "a.jpg,b.jpg,c.jpg\n")
    monkeypatch.chdir(tmp_path / "pictures" / "sub")
    assert read_answers(elsewhere, catalog).triplets == ()
    monkeypatch.chdir(pictures)
    assert read_answers(elsewhere, catalog).triplets == (ABC,)
    monkeypatch.setenv("HOME", str(pictures))
    elsewhere.write_text(HEADER + "~/a.jpg,~/b.jpg,~/c.jpg\n")
    assert read_answers(elsewhere, catalog).triplets == (ABC,)


def test_a_folder_is_found_by_its_other_name(catalog: Catalog, pictures: Path, tmp_path: Path) -> None:
    (tmp_path / "link").symlink_to(pictures)
    path = tmp_path / "answers.csv"
    path.write_text(HEADER + "link/a.jpg,link/b.jpg,link/c.jpg\n")
    assert read_answers(path, catalog).triplets == (ABC,)


def test_photos_of_an_unplugged_drive_are_known(catalog: Catalog, pictures: Path, tmp_path: Path) -> None:
    path = tmp_path / "answers.csv"
    catalog.answers.add_many([ABC], "file")
    os.rename(pictures, tmp_path / "away")
    assert write_answers(path, catalog) == 1
    assert read_answers(path, catalog).triplets == (ABC,)


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"", "is empty"),
        (b"\n \n", "is empty"),
        (b"anchor;positive;negative\na.jpg;b.jpg;c.jpg\n", "separated by semicolons: save it with commas"),
        (b"anchor\tpositive\tnegative\n", "separated by tabs"),
        (b"a.jpg,b.jpg,c.jpg\n", "lacks its first line: .*anchor,positive,negative"),
        (b"anchor,positive,positive\na.jpg,b.jpg,c.jpg\n", "lacks its first line"),
        (HEADER.encode("utf-16") + "a.jpg,b.jpg,c.jpg".encode("utf-16"), "not UTF-8 text"),
        (HEADER.encode() + "häuser.jpg,b.jpg,c.jpg".encode("latin-1"), "not UTF-8 text"),
        (os.urandom(5000), "UTF-8|no text"),
        (HEADER.encode() + b"a.jpg,b\0.jpg,c.jpg", "is no text"),
        (HEADER.encode() + b'a.jpg,"b.jpg,c.jpg\n' * 3, "no sound CSV .*line .*: mend that line"),
        (HEADER.encode() + b'"a"b.jpg,b.jpg,c.jpg\n', "no sound CSV .*line 2.*: mend that line"),
        (HEADER.encode() + b"a" * 40_000 + b",b.jpg,c.jpg\n", "one cell has over"),
        (HEADER.encode() + b"a" * 200_000 + b",b.jpg,c.jpg\n", "no sound CSV"),
    ],
)
def test_what_is_no_file_of_answers_is_refused_with_one_line(
    catalog: Catalog, tmp_path: Path, data: bytes, refusal: str
) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(data)
    with pytest.raises(TeachingError, match=refusal) as error:
        read_answers(path, catalog)
    assert str(path) in str(error.value) and "\n" not in str(error.value)


def test_a_file_that_is_too_large_is_refused(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "answers.csv"
    with open(path, "wb") as file:
        file.truncate(1 << 40)  # a file with holes: read to its end, it would fill the memory
    with pytest.raises(TeachingError, match="too large for answers"):
        read_answers(path, catalog)


def test_what_is_no_file_at_all_is_refused(catalog: Catalog, tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "pipe")
    for name, refusal in (
        ("nowhere.csv", "does not exist"),
        ("", "is no file"),
        ("pipe", "is no file"),
        ("a\0b", "does not exist"),
    ):
        with pytest.raises(TeachingError, match=refusal):
            read_answers(tmp_path / name, catalog)


@pytest.mark.parametrize(
    "cell",
    [
        "/dev/zero",
        "/",
        ".",
        "..",
        "~nobody-of-this-name/x.jpg",
        "//server/share/x.jpg",
        "\\\\server\\x.jpg",
        "%s%n",
        "=1+1",
        "-",
    ],
)
def test_no_cell_does_harm(catalog: Catalog, pictures: Path, cell: str) -> None:
    path = pictures / "answers.csv"
    path.write_text(HEADER + f"a.jpg,{cell},c.jpg\nd.jpg,b.jpg,c.jpg\n")
    read = read_answers(path, catalog)
    assert read.triplets == (DBC,)
    assert read.unknown == (UnknownPhoto(2, cell, False),)


def test_another_machine_is_not_asked(
    catalog: Catalog, pictures: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked: list[str] = []
    real = os.path.isfile
    monkeypatch.setattr(os.path, "isfile", lambda place: asked.append(str(place)) or real(place))
    path = pictures / "answers.csv"
    path.write_text(HEADER + "//server/share/x.jpg,b.jpg,c.jpg\n")
    read_answers(path, catalog)
    assert not any(place.startswith(("//", "\\\\")) for place in asked)


@pytest.mark.parametrize(
    "line",
    [
        "d{n}/x.jpg,y{n}.jpg,z{n}.jpg\n",
        "a.jpg,b.jpg,/nowhere/{n}/x.jpg\n",
        "~nobody{n}/x.jpg, ~/x{n}.jpg ,c.jpg\n",
        "a.jpg,b.jpg\n",
    ],
)
def test_a_long_file_is_read_in_a_moment(
    catalog: Catalog, pictures: Path, monkeypatch: pytest.MonkeyPatch, line: str
) -> None:
    asked: list[str] = []
    for name in ("isfile", "realpath"):
        real = getattr(os.path, name)
        monkeypatch.setattr(os.path, name, lambda place, real=real: [asked.append(place), real(place)][1])
    path = pictures / "answers.csv"
    count = answer_files.MAX_ROWS - 1
    path.write_text(HEADER + "".join(line.format(n=n) for n in range(count)) + "a.jpg,b.jpg,c.jpg\n")
    started = time.process_time()
    read = read_answers(path, catalog)
    seconds = time.process_time() - started
    assert (
        read.triplets == (ABC,)
        and len({photo.line for photo in read.unknown} | dict(read.faulty).keys()) == count
    )
    assert all(photo.exists is None for photo in read.unknown[answer_files.NAMED :])
    assert len(asked) < 5_000
    assert seconds < 15, f"{seconds:.1f} s"


@pytest.mark.parametrize(
    ("data", "refusal"),
    [
        (b"a.jpg,b.jpg,c.jpg\n" * 100_001, "has over 100,000 lines: divide it"),
        (b"\n" * 1_000_000, "has over 100,000 lines: divide it"),
        (b"," * (16 << 20), "one line has over"),
    ],
    ids=["rows", "empty lines", "cells"],
)
def test_a_file_of_too_much_is_refused_at_once(
    catalog: Catalog, tmp_path: Path, data: bytes, refusal: str
) -> None:
    path = tmp_path / "answers.csv"
    path.write_bytes(HEADER.encode() + data)
    with pytest.raises(TeachingError, match=refusal):
        read_answers(path, catalog)


def test_an_old_file_stays_where_the_new_one_cannot_be_written(
    catalog: Catalog, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    catalog.answers.add_many([ABC], "file")
    with pytest.raises(TeachingError, match="nowhere/answers.csv cannot be written .*: choose another place"):
        write_answers(tmp_path / "nowhere" / "answers.csv", catalog)
    path = tmp_path / "answers.csv"
    path.write_text("old")

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(answer_files, "_write", full)
    with pytest.raises(TeachingError, match="No space left on device"):
        write_answers(path, catalog)
    assert path.read_text() == "old"
    assert sorted(tmp_path.glob(".answers*")) == []
