"""The commands, run as programs: what they print where, and how they end."""

from __future__ import annotations

import contextlib
import json
import os
import shutil
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from photosim import cli
from photosim.catalog import Catalog
from photosim.paths import DATA_DIR_VARIABLE, library_folders
from photosim.scan.lock import scan_lock
from tests.commands import CHECKOUT, command, photosim, photosim_json
from tests.made_photos import jpeg, make_photos
from tests.prints import CORNERS, opened, print_on, written

SUMMARY = ["added", "changed", "moved", "removed", "unchanged", "failed", "seconds"]


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory, sample_photos: list[Path]) -> Path:
    """A `library` of `photos`: scikit-image's pictures, one of them twice, one file broken."""
    root = tmp_path_factory.mktemp("cli")
    photos = root / "photos"
    for photo in sample_photos:
        folder = photos / ("motorcycles" if photo.name.startswith("motorcycle") else "others")
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, folder)
    shutil.copy(photos / "others" / "coffee.png", photos / "motorcycles" / "coffee again.png")
    (photos / "broken.jpg").write_bytes(b"broken")
    make_photos(root, 1)
    report = photosim_json(root / "library", "add", photos)
    assert list(report) == SUMMARY
    assert (report["added"], report["failed"]) == (13, 1)
    return root


@pytest.fixture
def library(home: Path) -> Path:
    """For tests that only read."""
    return home / "library"


def refused(done: subprocess.CompletedProcess[str], *words: str) -> None:
    """One clear line on standard error with these words, nothing on standard output, status 1."""
    assert done.returncode == 1, done
    assert done.stdout == ""
    assert len(done.stderr.splitlines()) == 1, done.stderr
    assert done.stderr.startswith("photosim: ")
    for word in words:
        assert word in done.stderr


def quick(capsys: pytest.CaptureFixture[str], *words: str | Path) -> subprocess.CompletedProcess[str]:
    """The command within this process: for those that need no worker."""
    status = cli.run([str(word) for word in words])
    captured = capsys.readouterr()
    return subprocess.CompletedProcess(words, status, captured.out, captured.err)


def quick_json(capsys: pytest.CaptureFixture[str], *words: str | Path) -> Any:
    done = quick(capsys, *words, "--json")
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


# What the library tells


def test_status_counts_photos_files_failures_and_folders(
    home: Path, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    report = quick_json(capsys, "--data-dir", library, "status")
    assert list(report) == [
        "photos",
        "files",
        "failed",
        "offline",
        "folders",
        "model",
        "model_name",
        "moving",
        "index",
        "device",
    ]
    assert (report["photos"], report["files"], report["failed"], report["offline"]) == (12, 13, 1, 0)
    assert [(entry["path"], entry["photos"]) for entry in report["folders"]] == [(str(home / "photos"), 12)]
    assert report["index"]["count"] == 12
    text = quick(capsys, "--data-dir", library, "status").stdout
    assert "12 photos in 13 files" in text


def test_failures_name_file_and_reason(home: Path, library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (failure,) = quick_json(capsys, "failures", "--data-dir", library)["failures"]
    assert failure["path"] == str(home / "photos" / "broken.jpg")
    assert failure["reason"] == "not an image photosim can read"
    assert set(failure) == {"path", "reason", "when"}
    assert "broken.jpg: not an image" in quick(capsys, "failures", "--data-dir", library).stdout


def test_models_list_names_the_active_one(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    models = quick_json(capsys, "--data-dir", library, "models", "list")["models"]
    (active,) = [model for model in models if model["active"]]
    assert active["bundled"]
    assert set(active) == {"name", "version", "parent", "trunk", "active", "bundled", "metrics"}
    assert "active" in quick(capsys, "models", "list", "--data-dir", library).stdout


def test_doctor_finds_everything_in_order(library: Path, capsys: pytest.CaptureFixture[str]) -> None:
    report = quick_json(capsys, "--data-dir", library, "doctor")
    checks = {check["name"]: check for check in report["checks"]}
    assert all(set(check) == {"name", "ok", "detail", "advice"} for check in report["checks"])
    for name in ("versions", "folders", "catalog", "index", "formats"):
        assert checks[name]["ok"], checks[name]
    assert "recall" in checks["index"]["detail"]
    assert str(library) in checks["folders"]["detail"]


def test_export_writes_unit_vectors_with_their_paths(
    home: Path, library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    for name in ("out.npz", "out.csv"):
        report = quick_json(capsys, "--data-dir", library, "export", tmp_path / name)
        assert report == {"file": str(tmp_path / name), "photos": 12}
    with np.load(tmp_path / "out.npz", allow_pickle=False) as arrays:
        assert set(arrays) == {"paths", "embeddings", "parts"}
        assert arrays["embeddings"].dtype == np.float32
        assert arrays["embeddings"].shape == (12, arrays["parts"].sum())
        assert all(Path(path).is_file() for path in arrays["paths"])
        kind = arrays["embeddings"][:, : arrays["parts"][0]]
        np.testing.assert_allclose(np.linalg.norm(kind, axis=1), 1, atol=1e-3)
        columns = 1 + arrays["embeddings"].shape[1]
    lines = (tmp_path / "out.csv").read_text(encoding="utf-8").splitlines()
    assert len(lines) == 13
    assert len(lines[0].split(",")) == columns


def test_export_refuses_what_it_cannot_write(
    library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(quick(capsys, "--data-dir", library, "export", tmp_path / "out.xlsx"), ".csv and .npz")
    refused(quick(capsys, "--data-dir", library, "export", tmp_path / "no" / "out.csv"), "cannot be written")


# Searching


def test_the_first_result_of_a_photo_of_the_library_is_itself(
    home: Path, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = home / "photos" / "motorcycles" / "motorcycle_left.png"
    for options in ([], ["--exact"]):
        report = quick_json(capsys, "--data-dir", library, "search", photo, *options)
        results = report["results"]
        assert set(report) == {"focus", "results"}
        assert set(results[0]) == {
            *("rank", "path", "paths", "distance", "similarity", "query", "offline", "inliers")
        }
        assert results[0]["path"] == str(photo)
        assert results[0]["distance"] < 1e-3
        assert [result["query"] for result in results] == [True] + [False] * 11
        # The other eye of the stereo pair is nearer than anything else.
        assert results[1]["path"].endswith("motorcycle_right.png")
        assert [result["rank"] for result in results] == list(range(1, 13))
        distances = [result["distance"] for result in results]
        assert distances == sorted(distances)
        for result in results:
            assert result["distance"] == pytest.approx(2 - 2 * result["similarity"], abs=2e-6)


def test_identical_copies_are_one_result_with_all_paths(
    home: Path, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    copies = [home / "photos" / "motorcycles" / "coffee again.png", home / "photos" / "others" / "coffee.png"]
    for photo in copies:
        first, *others = quick_json(capsys, "--data-dir", library, "search", photo)["results"]
        assert first["query"]
        assert first["paths"] == [str(path) for path in copies]
        assert first["path"] == first["paths"][0]
        assert all("coffee" not in path for other in others for path in other["paths"])


def test_k_and_max_distance_cut_the_list(
    home: Path, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = home / "photos" / "others" / "moon.png"
    everything = quick_json(capsys, "--data-dir", library, "search", photo, "-k", "500")["results"]
    assert len(everything) == 12
    assert quick_json(capsys, "--data-dir", library, "search", photo, "-k", "3")["results"] == everything[:3]
    limit = everything[4]["distance"]
    near = quick_json(capsys, "--data-dir", library, "search", photo, "--max-distance", f"{limit + 1e-4}")
    assert near["results"] == everything[:5]
    itself = quick_json(capsys, "--data-dir", library, "search", photo, "--max-distance", "0.01")
    assert len(itself["results"]) == 1


def test_several_photos_are_one_query_and_less_pushes_away(
    home: Path, library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    others = home / "photos" / "others"
    query = ["--data-dir", library, "search", others / "moon.png", others / "hubble_deep_field.jpg"]
    results = quick_json(capsys, *query)["results"]
    assert {Path(result["path"]).name for result in results if result["query"]} == {
        *("moon.png", "hubble_deep_field.jpg")
    }
    pushed = quick_json(capsys, *query, "--less", others / "coins.png", "--less", others / "gravel.png")

    def similarity(results: list[dict[str, Any]], name: str) -> float:
        return next(float(item["similarity"]) for item in results if item["path"].endswith(name))

    for name in ("coins.png", "gravel.png"):
        assert similarity(pushed["results"], name) < similarity(results, name)


def test_a_query_outside_the_library_and_a_region_are_read_from_the_file(home: Path, library: Path) -> None:
    report = photosim_json(library, "search", home / "photo-000.jpg", "-k", "2")
    assert len(report["results"]) == 2
    assert not any(result["query"] for result in report["results"])
    whole = home / "photos" / "others" / "astronaut.png"
    report = photosim_json(library, "search", whole, "--region", "0.3,0.0,0.4,0.4")
    assert not any(result["query"] for result in report["results"])
    assert report["results"][0]["distance"] > 0.01


def test_verify_puts_exact_matches_first_and_counts_their_points(
    home: Path, library: Path, tmp_path: Path
) -> None:
    """A phone's photo of a print: more like the table it lies on, but the print is what it matches."""
    others = home / "photos" / "others"
    photo = tmp_path / "print.jpg"
    corners = 0.5 + 0.7 * (CORNERS - 0.5)
    photo.write_bytes(
        written(print_on(opened(others / "coins.png"), opened(others / "astronaut.png"), corners))
    )
    plain = photosim_json(library, "search", photo)["results"]
    assert [result["inliers"] for result in plain] == [None] * 12
    verified = photosim_json(library, "search", photo, "--verify")["results"]
    assert [result["rank"] for result in verified] == list(range(1, 13))
    # The table is in the photo too: both are found again, nothing else is.
    found = {Path(result["path"]).name for result in verified if result["inliers"]}
    assert "astronaut.png" in found <= {"astronaut.png", "coins.png"}
    inliers = [result["inliers"] for result in verified]
    assert inliers == sorted(inliers, reverse=True)
    assert inliers[0] >= 10
    rest = [result["path"] for result in verified if not result["inliers"]]
    assert rest == [result["path"] for result in plain if result["path"] in rest]
    (first,) = photosim_json(library, "search", photo, "--verify", "-k", "1")["results"]
    assert first == verified[0]
    done = photosim(library, "search", photo, "--verify", "-k", "1")
    assert f"({inliers[0]} matching points)" in done.stdout


def test_verify_goes_with_regions_and_several_photos(home: Path, library: Path) -> None:
    others = home / "photos" / "others"
    region = ["search", others / "astronaut.png", "--region", "0.3,0.0,0.4,0.4", "--verify", "-k", "2"]
    first, second = photosim_json(library, *region)["results"]
    assert (Path(first["path"]).name, second["inliers"]) == ("astronaut.png", 0)
    assert first["inliers"] >= 10
    several = ["search", others / "coffee.png", others / "chelsea.png", "--verify", "-k", "3"]
    results = photosim_json(library, *several)["results"]
    assert {Path(result["path"]).name for result in results[:2]} == {"coffee again.png", "chelsea.png"}
    assert results[1]["inliers"] >= 100 > results[2]["inliers"] == 0


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["-k", "0"], "-k 0"),
        (["-k", "-3"], "-k -3"),
        (["-k", "many"], "-k many"),
        (["--focus", "2"], "--focus 2"),
        (["--focus", "nan"], "--focus nan"),
        (["--focus", "-0.1"], "--focus -0.1"),
        (["--max-distance", "near"], "--max-distance near"),
        (["--region", "0,0,2,1"], "--region"),
        (["--region", "0.5,0.5,0.6,0.6"], "region"),
        (["--region", "-0.1,0,0.5,0.5"], "--region"),
        (["--region", "0,0,0,0.5"], "region"),
        (["--region", "0,0,1"], "--region 0,0,1"),
        (["--region", "0,0,1,one"], "--region one"),
    ],
)
def test_a_bad_value_is_one_clear_line(
    home: Path, library: Path, capsys: pytest.CaptureFixture[str], words: list[str], said: str
) -> None:
    photo = home / "photos" / "others" / "moon.png"
    refused(quick(capsys, "--data-dir", library, "search", photo, "--json", *words), said)


def test_a_query_that_cannot_be_read_is_one_clear_line(
    home: Path, library: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    search = ["--data-dir", library, "search"]
    refused(quick(capsys, *search, tmp_path / "nowhere.jpg"), "nowhere.jpg does not exist")
    refused(quick(capsys, *search, tmp_path), "a folder, not a file")
    refused(quick(capsys, *search, home / "photos" / "broken.jpg"), "broken.jpg", "not an image")
    moon = home / "photos" / "others" / "moon.png"
    refused(quick(capsys, *search, moon, "--less", tmp_path / "nowhere.jpg"), "nowhere.jpg")
    refused(quick(capsys, *search, moon, moon, "--region", "0,0,1,1"), "one photo")


def test_an_empty_library_says_what_to_do(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    (photo,) = make_photos(tmp_path, 1)
    refused(quick(capsys, "--data-dir", tmp_path / "new", "search", photo), "empty", "photosim add")
    refused(quick(capsys, "--data-dir", tmp_path / "new", "scan"), "photosim add")
    assert quick_json(capsys, "--data-dir", tmp_path / "new", "status")["photos"] == 0
    assert quick_json(capsys, "--data-dir", tmp_path / "new", "failures") == {"failures": []}
    assert quick_json(capsys, "--data-dir", tmp_path / "new", "export", tmp_path / "a.csv")["photos"] == 0
    checks = quick_json(capsys, "--data-dir", tmp_path / "new", "doctor")["checks"]
    assert next(check for check in checks if check["name"] == "index")["ok"]


# Folders and scans


def test_a_folder_that_is_not_there_or_not_known_is_one_clear_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = ["--data-dir", tmp_path / "new"]
    refused(quick(capsys, *data, "add", tmp_path / "nowhere"), "nowhere does not exist")
    (photo,) = make_photos(tmp_path, 1)
    refused(quick(capsys, *data, "add", photo), "is not a folder")
    refused(quick(capsys, *data, "remove", tmp_path), "not a folder of the library")


def test_add_scan_and_remove_through_a_library_s_life(tmp_path: Path) -> None:
    library, photos = tmp_path / "library", tmp_path / "photos"
    make_photos(photos, 2)
    (photos / "broken.jpg").touch()
    done = photosim(library, "add", photos)
    assert done.returncode == 0
    assert done.stdout.startswith("2 added, 0 changed, 0 moved, 0 removed, 0 unchanged, 1 failed in ")
    (photos / "broken.jpg").write_bytes(jpeg(7))
    (photos / "photo-000.jpg").unlink()
    report = photosim_json(library, "scan")
    assert list(report) == SUMMARY
    assert (report["changed"], report["removed"], report["unchanged"]) == (1, 1, 1)
    assert photosim_json(library, "remove", photos) == {"forgotten": 2}
    assert photosim_json(library, "status")["folders"] == []
    assert len(list(photos.iterdir())) == 2


def test_retry_failed_opens_failed_files_again(tmp_path: Path) -> None:
    library, photos = tmp_path / "library", tmp_path / "photos"
    make_photos(photos, 1)
    (photos / "broken.jpg").touch()
    assert photosim_json(library, "add", photos)["failed"] == 1
    assert photosim_json(library, "scan")["failed"] == 0
    assert photosim_json(library, "scan", "--retry-failed")["failed"] == 1


def test_while_another_scan_runs_a_folder_is_added_and_the_one_who_scans_is_named(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library, photos = tmp_path / "library", tmp_path / "photos"
    make_photos(photos, 1)
    folders = library_folders(library)
    folders.create()
    with scan_lock(folders.scan_lock):
        done = quick(capsys, "--data-dir", library, "add", photos, "--json")
        assert done.returncode == 0
        assert json.loads(done.stdout) == dict.fromkeys(SUMMARY, 0)
        assert f"process {os.getpid()}" in done.stderr
        refused(quick(capsys, "--data-dir", library, "scan", "--json"), f"process {os.getpid()}")
    (entry,) = quick_json(capsys, "--data-dir", library, "status")["folders"]
    assert (entry["path"], entry["scanned"]) == (str(photos), False)


def test_ctrl_c_keeps_what_was_done_and_leaves_no_process(tmp_path: Path) -> None:
    library, photos = tmp_path / "library", tmp_path / "photos"
    make_photos(photos, 250)
    scan = subprocess.Popen(
        command(library, "add", photos, "--json"),
        cwd=CHECKOUT,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    )
    try:
        while not photos_in(library):
            assert scan.poll() is None, scan.communicate()
            threading.Event().wait(0.02)
        os.killpg(scan.pid, signal.SIGINT)  # a terminal sends it to all of them
        output, errors = scan.communicate(timeout=20)
    finally:
        with contextlib.suppress(ProcessLookupError):  # all of them have ended
            os.killpg(scan.pid, signal.SIGKILL)
    assert scan.returncode == cli.INTERRUPTED
    assert output == ""
    assert "Traceback" not in errors
    assert "interrupted" in errors.splitlines()[-1]
    kept = photos_in(library)
    assert 0 < kept < 250
    report = photosim_json(library, "scan")
    assert (report["added"], report["unchanged"]) == (250 - kept, kept)


def photos_in(library: Path) -> int:
    """How many photos a library has, seen beside whatever is running."""
    folders = library_folders(library)
    if not folders.catalog.exists():
        return 0
    catalog = Catalog(folders.catalog)
    try:
        return catalog.counts().photos
    finally:
        catalog.close()


def test_an_unreachable_device_is_one_clear_line(home: Path, tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", 1)
    words = ["add", tmp_path / "photos", "--device", "abacus"]
    done = photosim(tmp_path / "library", *words)
    assert done.returncode == 1
    assert done.stdout == ""
    assert "abacus" in done.stderr.splitlines()[-1]
    assert "Traceback" not in done.stderr
    refused(photosim(home / "library", "status", "--device", "abacus"), "abacus")


# Evaluation


def test_evaluate_prints_the_figures_of_classes_and_leaves_the_library_alone(
    home: Path, tmp_path: Path, sample_photos: list[Path]
) -> None:
    for photo in sample_photos:
        folder = tmp_path / "classes" / photo.stem.split("_")[0]
        folder.mkdir(parents=True, exist_ok=True)
        shutil.copy(photo, folder)
    (tmp_path / "classes" / "broken.jpg").touch()
    options = ["--focus", "0", "--model", "deepranking-v1", "--json"]
    done = photosim(tmp_path / "library", "evaluate", tmp_path / "classes", *options)
    assert done.returncode == 0, done.stderr
    assert "deepranking-v1 has one part: the focus changes nothing" in done.stderr
    report = json.loads(done.stdout)
    assert list(report) == [
        *("model", "focus", "photos", "classes", "mAP", "precision@10", "recall@1", "recall@10", "mrr")
    ]
    assert (report["focus"], report["photos"], report["classes"]) == (0, 12, 11)
    assert (report["mAP"], report["recall@1"], report["mrr"]) == (1, 1, 1)  # the two eyes of the pair
    assert "broken.jpg: empty file; left out" in done.stderr
    assert photosim_json(tmp_path / "library", "status")["photos"] == 0


def test_evaluate_with_queries_and_references_matches_by_stem(tmp_path: Path) -> None:
    queries, references = tmp_path / "queries", tmp_path / "references"
    make_photos(queries, 3)
    make_photos(references, 5)
    report = photosim_json(tmp_path / "library", "evaluate", "--queries", queries, "--references", references)
    assert (report["queries"], report["references"]) == (3, 5)
    assert report["recall@1"] == 1


def test_evaluate_says_what_is_missing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    data = ["--data-dir", tmp_path / "library", "evaluate"]
    refused(quick(capsys, *data), "--queries and --references")
    refused(quick(capsys, *data, tmp_path, "--queries", tmp_path), "--queries and --references")
    refused(quick(capsys, *data, "--queries", tmp_path), "--queries and --references")
    refused(quick(capsys, *data, tmp_path / "nowhere"), "nowhere is not a folder")
    (tmp_path / "empty").mkdir()
    refused(quick(capsys, *data, tmp_path / "empty"), "has no photos")
    refused(quick(capsys, *data, tmp_path, "--model", "clairvoyant"), "clairvoyant")
    refused(quick(capsys, *data, tmp_path, "--focus", "1.5"), "--focus 1.5")


# The command line itself


def test_options_may_stand_before_and_after_the_command(
    library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    before = quick_json(capsys, "--data-dir", library, "--device", "cpu", "status")
    after = quick_json(capsys, "status", "--device", "cpu", "--data-dir", library)
    joined = quick_json(capsys, f"--data-dir={library}", "status", "--device=cpu")
    assert before == after == joined
    assert before["photos"] == 12


def test_the_data_folder_may_come_from_the_environment(
    library: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv(DATA_DIR_VARIABLE, str(library))
    assert quick_json(capsys, "status")["photos"] == 12
    assert quick_json(capsys, "--data-dir", tmp_path, "status")["photos"] == 0


@pytest.mark.parametrize(
    "words",
    [
        ["--unknown"],
        ["status", "--unknown"],
        ["--data", "somewhere", "status"],
        ["search"],
        ["search", "--less", "a.jpg"],
        ["add"],
        ["remove"],
        ["export"],
        ["models"],
        ["models", "admire"],
        ["search", "a.jpg", "-k"],
        ["status", "--data-dir"],
        ["gui", "--json"],
    ],
)
def test_unknown_options_and_missing_arguments_are_status_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        cli.run(words)
    assert ended.value.code == 2
    captured = capsys.readouterr()
    assert captured.out == ""
    assert captured.err.startswith("usage: ")


@pytest.mark.parametrize(
    ("words", "photos"),
    [
        ([], []),
        (["gui"], []),
        (["holiday.jpg"], ["holiday.jpg"]),
        (["gui", "a.jpg", "b.jpg"], ["a.jpg", "b.jpg"]),
        (["--data-dir", "D", "holiday.jpg", "beach.jpg"], ["holiday.jpg", "beach.jpg"]),
        (["--device=cpu", "holiday.jpg"], ["holiday.jpg"]),
        (["--data-dir", "status"], []),
        (["--", "-odd-.jpg"], ["-odd-.jpg"]),
    ],
)
def test_without_a_command_the_window_opens_with_the_photos(words: list[str], photos: list[str]) -> None:
    options = cli._parser().parse_args(cli._with_command(words))
    assert options.command is cli._gui
    assert options.photos == photos


def test_help_and_version_answer_without_loading_the_world() -> None:
    program = "import sys; from photosim.__main__ import main; sys.argv[1:] = ['--version']\n" + (
        "try:\n main()\nexcept SystemExit: print(sorted({'numpy', 'PIL', 'torch', 'PySide6', 'onnxruntime'}"
        " & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", program], cwd=CHECKOUT, capture_output=True, text=True)
    assert done.stdout.splitlines()[0].startswith("photosim ")
    assert done.stdout.splitlines()[1] == "[]"


def test_output_into_a_closed_pipe_is_no_crash(library: Path) -> None:
    reading, writing = os.pipe()
    os.close(reading)
    try:
        done = subprocess.run(
            command(library, "failures", "--json"),
            cwd=CHECKOUT,
            stdout=writing,
            stderr=subprocess.PIPE,
            text=True,
        )
    finally:
        os.close(writing)
    assert done.returncode == 1
    assert done.stderr == ""


def test_names_beyond_the_terminal_s_letters_end_no_command(tmp_path: Path) -> None:
    library, photos = tmp_path / "library", tmp_path / "photos"
    photos.mkdir()
    (photos / "海边 🏖.jpg").write_bytes(jpeg(1))
    photosim_json(library, "add", photos)
    for words in (["--json"], []):
        done = subprocess.run(
            command(library, "search", photos / "海边 🏖.jpg", *words),
            cwd=CHECKOUT,
            env={**os.environ, "PYTHONIOENCODING": "ascii"},
            capture_output=True,
            text=True,
        )
        assert done.returncode == 0, done.stderr
        if words:
            assert json.loads(done.stdout)["results"][0]["path"] == str(photos / "海边 🏖.jpg")


@pytest.mark.skipif(sys.platform != "linux", reason="takes root's privileges away as Linux does it")
def test_a_data_folder_that_cannot_be_written_is_one_clear_line(tmp_path: Path) -> None:
    locked = tmp_path / "locked"
    locked.mkdir()
    make_photos(tmp_path / "photos", 1)
    locked.chmod(0o500)
    for library in (locked, locked / "library"):
        refused(photosim(library, "status", "--json", ordinary_user=True), str(locked), "--data-dir")
    refused(photosim(tmp_path / "photos" / "photo-000.jpg", "status"), "--data-dir")


def test_a_newer_or_damaged_catalog_is_refused_and_left_as_it_is(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    folders = library_folders(tmp_path / "library")
    folders.create()
    folders.catalog.write_bytes(b"this was once a catalog " * 100)
    refused(quick(capsys, "--data-dir", folders.data, "status"), str(folders.catalog))
    assert folders.catalog.read_bytes().startswith(b"this was once")


def test_a_scan_talks_on_standard_error_alone(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", 3)
    (tmp_path / "photos" / "broken.jpg").touch()
    done = photosim(tmp_path / "library", "add", tmp_path / "photos", "--json")
    assert list(json.loads(done.stdout)) == SUMMARY
    assert "disk space" in done.stderr


@pytest.fixture(autouse=True)
def a_terminal_of_its_own() -> Iterator[None]:
    """No test may change what Ctrl-C means to the tests themselves."""
    before = signal.getsignal(signal.SIGINT)
    yield
    assert signal.getsignal(signal.SIGINT) is before


# Names that mean nothing


@pytest.mark.parametrize("name", ["add", "search", "remove", "export", "evaluate"])
def test_an_empty_name_is_not_the_current_folder(
    library: Path, name: str, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(quick(capsys, "--data-dir", library, name, ""))
    assert quick_json(capsys, "--data-dir", library, "status")["photos"] == 12


def test_an_empty_data_folder_is_refused(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.chdir(tmp_path)
    refused(quick(capsys, "--data-dir", "", "status"), "empty")
    assert not list(tmp_path.iterdir())


def test_a_home_nobody_has_is_a_file_that_does_not_exist(
    library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(quick(capsys, "--data-dir", library, "search", "~nobody-of-this-name/x.jpg"), "does not exist")


def test_an_unknown_device_is_refused_before_anything_is_done(
    tmp_path: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    library = tmp_path / "library"
    refused(quick(capsys, "--data-dir", library, "--device", "abacus", "add", home / "photos"), "abacus")
    assert quick_json(capsys, "--data-dir", library, "status")["folders"] == []


def test_an_unknown_device_in_the_settings_is_passed_over(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "settings.json").write_text('{"device": "abacus"}', encoding="utf-8")
    assert quick_json(capsys, "--data-dir", tmp_path, "status")["device"]
    checks = quick_json(capsys, "--data-dir", tmp_path, "doctor")["checks"]
    assert next(check for check in checks if check["name"] == "device")["detail"]


def test_a_folder_that_does_not_exist_keeps_no_other_from_being_scanned(tmp_path: Path) -> None:
    make_photos(tmp_path / "photos", 2)
    done = photosim(tmp_path / "library", "add", tmp_path / "photos", tmp_path / "missing", "--json")
    assert done.returncode == 1
    assert json.loads(done.stdout)["added"] == 2
    assert "missing does not exist" in done.stderr


def test_a_mistyped_command_is_said_before_any_window_opens(
    library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    refused(quick(capsys, "--data-dir", library, "serach"), "serach", "no command")


def test_search_tells_of_identical_copies(
    library: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    photo = home / "photos" / "others" / "coffee.png"
    done = quick(capsys, "--data-dir", library, "search", photo, "-k", "1")
    assert "(and 1 identical copy)" in done.stdout


def test_a_scan_reminds_of_files_that_still_cannot_be_read(
    library: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert "1 file of the library cannot be read" in quick(capsys, "--data-dir", library, "scan").stdout


def test_a_folder_within_another_is_said_to_be_part_of_it(
    library: Path, home: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    done = quick(capsys, "--data-dir", library, "add", home / "photos" / "others")
    assert f"as part of {home / 'photos'}" in done.stderr
