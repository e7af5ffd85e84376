"""The commands: the same core as the window's, without a window.

Standard output carries the result alone (one JSON document with --json); progress goes to standard error.
Exit status: 0, 1 for an error with one clear line, 2 for unknown options, 130 when interrupted.
"""

from __future__ import annotations

import argparse
import io
import json
import math
import os
import shlex
import signal
import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import closing, contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

import photosim
from photosim.errors import LibraryError, ModelError, PhotosimError, QueryError, ScanRunning, TeachingError
from photosim.paths import Folders, library_folders

INTERRUPTED = 130
_FIRST_FAILURES = 5


def run(arguments: Sequence[str]) -> int:
    """Run the command that `arguments` name; returns the exit status."""
    options = _parser().parse_args(_with_command(_with_negative_regions(arguments)))
    if isinstance(sys.stdout, io.TextIOWrapper):
        sys.stdout.reconfigure(errors="backslashreplace")  # a name no terminal can show ends no command
    try:
        folders = library_folders(None if options.data_dir is None else _path(options.data_dir))
        status: int = options.command(options, folders)
        sys.stdout.flush()
        return status
    except PhotosimError as error:
        print(f"photosim: {error}", file=sys.stderr)
        return 1
    except KeyboardInterrupt:
        print("photosim: interrupted; what was done is kept", file=sys.stderr)
        return INTERRUPTED
    except BrokenPipeError:
        # Whoever reads our output has enough; a second complaint at exit would help nobody.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1


def _with_command(arguments: list[str]) -> list[str]:
    """Put `gui` where no command is named: `photosim holiday.jpg` opens the window with that photo."""
    position = 0
    while position < len(arguments):
        word = arguments[position]
        if word in _COMMANDS or word in ("-h", "--help", "--version", "--smoke-test"):
            return arguments
        if word in ("--data-dir", "--device"):
            position += 2
        elif word.startswith(("--data-dir=", "--device=")):
            position += 1
        else:
            break
    return [*arguments[:position], "gui", *arguments[position:]]


def _with_negative_regions(arguments: Sequence[str]) -> list[str]:
    """Join `--region -0.1,0,1,1`: argparse would take its value for an option instead of a bad value."""
    joined: list[str] = []
    for word in arguments:
        if joined and joined[-1] == "--region" and "," in word:
            joined[-1] += f"={word}"
        else:
            joined.append(word)
    return joined


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="photosim",
        description="Find the photos that look alike in your own library, on your own machine. "
        "Without a command, photosim opens its window.",
        allow_abbrev=False,
    )
    parser.add_argument("--version", action="version", version=f"photosim {photosim.__version__}")
    parser.add_argument(
        "--smoke-test", action=_SmokeTest, help="try everything in a temporary library; print one JSON line"
    )
    everywhere = argparse.ArgumentParser(add_help=False)
    for target, default in ((parser, None), (everywhere, argparse.SUPPRESS)):
        target.add_argument("--data-dir", metavar="DIR", default=default, help="where the library is kept")
        target.add_argument(
            "--device",
            metavar="DEVICE",
            default=default,
            help="auto, cpu, cuda or mps (default: as set, else auto)",
        )
    as_json = argparse.ArgumentParser(add_help=False)
    as_json.add_argument("--json", action="store_true", help="print one JSON document and nothing else")

    commands = parser.add_subparsers(title="commands", metavar="COMMAND", required=True)

    def add(name: str, help: str, *parents: argparse.ArgumentParser) -> argparse.ArgumentParser:
        command = commands.add_parser(
            name, help=help, description=help, parents=[everywhere, *parents], allow_abbrev=False
        )
        command.set_defaults(command=_COMMANDS[name])
        return command

    gui = add("gui", "open the window; photos given become the query")
    gui.add_argument("photos", metavar="PHOTO", nargs="*")
    command = add("add", "add folders to the library and scan them", as_json)
    command.add_argument("folders", metavar="FOLDER", nargs="+")
    command = add("remove", "forget a folder; the photos on disk are untouched", as_json)
    command.add_argument("folder", metavar="FOLDER")
    command = add("scan", "scan all folders of the library again", as_json)
    command.add_argument("--retry-failed", action="store_true", help="try files again that could not be read")
    add("status", "what is in the library", as_json)
    add("failures", "the files that could not be read, and why", as_json)
    command = add("search", "photos of the library, ranked by similarity to the given ones", as_json)
    command.add_argument("photos", metavar="PHOTO", nargs="+")
    command.add_argument(
        "--less", metavar="PHOTO", action="append", default=[], help="less like this one; may be repeated"
    )
    command.add_argument("-k", metavar="N", default="20", help="how many results (20)")
    command.add_argument(
        "--focus", metavar="F", help="0: same kind, 1: same thing (default: the model's own)"
    )
    command.add_argument("--max-distance", metavar="D", help="leave out what is further away, 0 to 4")
    command.add_argument(
        "--region", metavar="X,Y,W,H", help="search with a part of one photo, as fractions of it"
    )
    command.add_argument("--exact", action="store_true", help="compare with every photo, not by the graph")
    command.add_argument(
        "--verify", action="store_true", help="compare the best 100 point by point: exact matches first"
    )
    command = add("train", "tune the model to your own idea of similar, from a file of answers", as_json)
    command.add_argument(
        "--triplets", metavar="FILE.csv", required=True, help="columns anchor,positive,negative: paths"
    )
    command.add_argument("--name", metavar="NAME", required=True, help="what the new model is called")
    command = add("models", "the models that decide what is similar")
    actions = command.add_subparsers(title="actions", metavar="ACTION", required=True)

    def add_action(name: str, help: str) -> argparse.ArgumentParser:
        action = actions.add_parser(
            name, help=help, description=help, parents=[everywhere, as_json], allow_abbrev=False
        )
        action.set_defaults(command=_MODEL_ACTIONS[name])
        return action

    add_action("list", "all models")
    action = add_action("use", "rank with this model from now on")
    action.add_argument("model", metavar="NAME", help="its name or version")
    action = add_action("rename", "give a model of yours another name")
    action.add_argument("model", metavar="OLD")
    action.add_argument("name", metavar="NEW")
    action = add_action("delete", "delete a model of yours")
    action.add_argument(
        "model", metavar="NAME", help="its name or version; its folder's if it cannot be used"
    )
    action = add_action("export", "write a model of yours as one file, for others to import")
    action.add_argument("model", metavar="NAME")
    action.add_argument(
        "file", metavar="FILE", help="ends in .photosim, which is added where it has no ending"
    )
    action.add_argument("--overwrite", action="store_true", help="also where FILE is there already")
    action = add_action("import", "keep a model that somebody exported")
    action.add_argument("file", metavar="FILE")
    command = add("export", "write the library's embeddings to a .csv or .npz file", as_json)
    command.add_argument("file", metavar="FILE")
    command = add("evaluate", "measure a model on folders of photos, the library untouched", as_json)
    command.add_argument("folder", metavar="DIR", nargs="?", help="every folder in it is a class")
    command.add_argument("--queries", metavar="QDIR", help="with --references: same file stem, same thing")
    command.add_argument("--references", metavar="RDIR")
    command.add_argument("--model", metavar="M", help="a model's name or version (default: the active one)")
    command.add_argument("--focus", metavar="F")
    add("doctor", "check that everything is in order", as_json)
    return parser


class _SmokeTest(argparse.Action):
    def __init__(self, **options: Any) -> None:
        super().__init__(nargs=0, **options)

    def __call__(self, parser: argparse.ArgumentParser, *_: object) -> None:
        from photosim.smoke import smoke_test

        parser.exit(smoke_test())


# The commands, in the order of their use


def _gui(options: argparse.Namespace, folders: Folders) -> int:
    photos = [_path(photo) for photo in options.photos]
    for photo in photos:
        # Said before the window opens: it may be a mistyped command as well.
        if not os.path.lexists(photo):
            raise QueryError(f"{photo} is no photo and no command: `photosim --help` lists the commands")
    try:
        from photosim.app import start
    except ImportError as error:
        raise PhotosimError(
            f"the window cannot be opened ({error}): install the system's Qt libraries, see README"
        ) from error
    return start(folders, photos, options.device)


def _add(options: argparse.Namespace, folders: Folders) -> int:
    with _open(options, folders) as library:
        refused = 0
        for folder in options.folders:
            try:
                added = library.catalog.add_folder(folder)
            except LibraryError as error:
                # One bad name must not keep the others from being scanned.
                if len(options.folders) == 1:
                    raise
                refused += 1
                _say(str(error))
            else:
                _say(_in_the_library(folder, added.path))
        if refused == len(options.folders):
            return 1
        return _scan_and_report(options, library, retry_failed=False, added=True) or int(refused > 0)


def _in_the_library(asked: str, added: str) -> str:
    asked = os.path.abspath(os.path.expanduser(asked))
    if os.path.realpath(asked) == os.path.realpath(added):
        return f"{added} is in the library"
    return f"{asked} is in the library, as part of {added}"


def _scan(options: argparse.Namespace, folders: Folders) -> int:
    with _open(options, folders) as library:
        if not library.catalog.folders():
            raise PhotosimError("the library has no folder yet: add one with `photosim add FOLDER`")
        return _scan_and_report(options, library, options.retry_failed, added=False)


def _scan_and_report(options: argparse.Namespace, library: Any, retry_failed: bool, added: bool) -> int:
    from photosim.scan.control import ScanControl
    from photosim.scan.scanner import scan

    control = ScanControl()
    interrupted = False

    def interrupt(*_: object) -> None:
        nonlocal interrupted
        interrupted = True
        control.cancel()
        signal.signal(signal.SIGINT, signal.default_int_handler)  # the second time is not asked

    before = signal.signal(signal.SIGINT, interrupt)
    model = library.card.version
    try:
        summary = None
        with _Progress() as progress:
            for step in scan(library, control, retry_failed):
                progress.show(step)
                summary = step.summary
    except ScanRunning as error:
        if not added:
            raise
        _say(f"{error}; it takes up the folders just added")
        summary = None
    finally:
        signal.signal(signal.SIGINT, before)
    if library.card.version != model:
        _say(f"photosim now ranks with {library.card.name}")
    report = {} if summary is None else asdict(summary)
    report.pop("finished", None)
    if interrupted:
        _say("interrupted; what was done is kept, `photosim scan` goes on")
        return INTERRUPTED
    if options.json:
        keys = ("added", "changed", "moved", "removed", "unchanged", "failed", "seconds")
        _print_json({key: report.get(key, 0) for key in keys})
    elif report:
        print(", ".join(f"{value} {key}" for key, value in report.items() if key != "seconds"), end="")
        print(f" in {report['seconds']:.1f} s")
        unreadable = library.catalog.counts().failed
        if unreadable:
            files = "1 file" if unreadable == 1 else f"{unreadable} files"
            print(f"{files} of the library cannot be read: `photosim failures` says which, and why")
    return 0


def _remove(options: argparse.Namespace, folders: Folders) -> int:
    with _open(options, folders) as library:
        forgotten = library.remove_folder(options.folder)
    if options.json:
        _print_json({"forgotten": forgotten})
    else:
        print(f"{forgotten} photos forgotten; the files are untouched")
    return 0


def _status(options: argparse.Namespace, folders: Folders) -> int:
    from photosim.model.device import choose

    with _open(options, folders) as library:
        library.catalog.check_online()
        counts = asdict(library.catalog.counts())
        entries = [
            {"path": folder.path, "photos": folder.photos, "online": folder.online, "scanned": folder.scanned}
            for folder in library.catalog.folders()
        ]
        graph = library.searcher.graph_card()
        index = None if graph is None else {"count": graph.count, "recall": min(graph.recall)}
        device = choose(library.device).name
        moving = library.moving()
        coming = library.next_card
        model, next_model = (
            None if card is None else _called(card, library) for card in (library.card, coming)
        )
        report = {
            **counts,
            "folders": entries,
            "model": library.card.version,
            "model_name": library.card.name,
            "moving": None if moving is None else asdict(moving),
            "index": index,
            "device": device,
        }
    if options.json:
        _print_json(report)
        return 0
    print(
        f"{report['photos']} photos in {report['files']} files, "
        f"{report['failed']} not readable, {report['offline']} offline"
    )
    for entry in entries:
        state = "" if entry["online"] else "  (unplugged)"
        print(f"  {entry['path']}  {entry['photos']}{state}")
    print(f"model {model}, device {device}")
    if moving is not None:
        print(f"moving to {next_model}: {moving.done} of {moving.total} photos read for it")
    return 0


def _failures(options: argparse.Namespace, folders: Folders) -> int:
    with _open(options, folders) as library:
        failures = library.catalog.failures()
    if options.json:
        _print_json({"failures": [asdict(failure) for failure in failures]})
    else:
        for failure in failures:
            print(f"{failure.path}: {failure.reason}")
        if not failures:
            print("every photo could be read")
    return 0


def _search(options: argparse.Namespace, folders: Folders) -> int:
    k = _number(options.k, "-k", whole=True, least=1)
    focus = None if options.focus is None else _number(options.focus, "--focus", least=0, most=1)
    limit = (
        math.inf if options.max_distance is None else _number(options.max_distance, "--max-distance", 0, 4)
    )
    region = None if options.region is None else _region(options.region, options.photos)
    with _open(options, folders) as library:
        library.catalog.check_online()
        if library.catalog.counts().photos == 0:
            raise QueryError("the library is empty: add a folder with `photosim add FOLDER`")
        if options.focus is not None and 0 in library.card.parts:
            _say(f"the model {library.card.name} has one part: the focus changes nothing")
        focus = library.card.focus if focus is None else focus
        wanted = int(k)
        if options.verify:
            from photosim.search.verification import CANDIDATES

            wanted = max(wanted, CANDIDATES)
        while True:
            more = [library.example(_path(photo), region) for photo in options.photos]
            less = [library.example(_path(photo)) for photo in options.less]
            ranking = library.searcher.rank(
                [example.features for example in more],
                [example.features for example in less],
                focus,
                wanted,
                exact=options.exact,
            )
            if not library.follow():  # else another model took over in the middle: it is asked instead
                break
        ranking = ranking.first(int((ranking.distance <= limit).sum()))
        inliers: list[int | None] = [None] * len(ranking)
        if options.verify:
            ranking, inliers = _verified(library, ranking, more)
        ranking = ranking.first(int(k))
        photos = library.catalog.photos(ranking.ids.tolist())
        queries = {example.photo_id for example in more}
        results = [
            {
                "rank": rank,
                "path": photos[photo_id].path,
                "paths": list(photos[photo_id].paths),
                "distance": round(float(distance), 6),
                "similarity": round(float(similarity), 6),
                "query": photo_id in queries,
                "offline": photos[photo_id].offline,
                "inliers": inliers[rank - 1],
            }
            for rank, (photo_id, distance, similarity) in enumerate(
                zip(ranking.ids.tolist(), ranking.distance, ranking.similarity, strict=True), 1
            )
            if photo_id in photos
        ]
    if options.json:
        _print_json({"focus": focus, "results": results})
        return 0
    for result in results:
        marks = "".join(f"  ({mark})" for mark in ("query", "offline") if result[mark])
        copies = len(result["paths"]) - 1
        if copies:
            marks += f"  (and {copies} identical {'copy' if copies == 1 else 'copies'})"
        if result["inliers"]:
            marks += f"  ({result['inliers']} matching points)"
        print(f"{result['rank']:4}  {result['similarity']:z6.3f}  {result['path']}{marks}")
    return 0


def _verified(library: Any, ranking: Any, more: Sequence[Any]) -> tuple[Any, list[int | None]]:
    """A ranking with its exact matches first, and each photo's inliers; None where it was not checked."""
    from photosim.search.verification import NOT_CHECKED, in_order

    found: dict[int, int] = {}
    with _Counter() as counter:
        for step in library.verifier.verify(ranking, more):
            counter.show(step.done, step.total)
            found = step.inliers
    ranking, counts = in_order(ranking, found)
    return ranking, [None if count == NOT_CHECKED else count for count in counts.tolist()]


def _train(options: argparse.Namespace, folders: Folders) -> int:
    from photosim.model.store import checked_name
    from photosim.teaching.answer_files import read_answers
    from photosim.teaching.gathering import LEAST_ANSWERS, divide
    from photosim.teaching.train import keep, train

    path = _path(options.triplets)
    try:
        with _open(options, folders) as library:
            name = checked_name(options.name)
            if library.store.free_name(name) != name:
                raise ModelError(f"there is a model called {name!r} already: choose another name")
            read = read_answers(path, library.catalog)
            _say_unused(read)
            count = len(read.triplets)
            if count < LEAST_ANSWERS:
                answers = "1 usable answer" if count == 1 else f"{count} usable answers"
                raise TeachingError(f"{path} has {answers}: training begins at {LEAST_ANSWERS}")
            answered = divide(read.triplets, library.catalog.answers.sides())
            with _Training() as line, closing(train(library, answered)) as steps:
                trained = line.show_all(steps)
            with _not_interrupted():
                card = keep(library, trained, name)
    except KeyboardInterrupt:
        _say("interrupted: no model was made")
        return INTERRUPTED
    judgement, tally = trained.judgement, trained.tally
    report = {
        "name": card.name,
        "version": card.version,
        "parent": card.parent,
        "answers": tally.usable,
        "kept_back": judgement.kept_back,
        "right_before": judgement.right_before,
        "right_after": judgement.right_after,
        "low": round(judgement.low, 4),
        "high": round(judgement.high, 4),
        "chance": round(judgement.chance, 4),
        "verdict": judgement.verdict.name.lower(),
        "focus": card.focus,
        "contradicting": tally.contradicting,
        "gone": tally.gone,
        "unknown": [photo.path for photo in read.unknown],
        "faulty": len(read.faulty),
    }
    if options.json:
        _print_json(report)
    else:
        print(
            f"trained on {tally.training} answers; of {judgement.kept_back} kept back, "
            f"{judgement.right_after} are ranked right, {judgement.right_before} were before "
            f"({100 * judgement.low:.0f} to {100 * judgement.high:.0f} % with 95 % confidence)"
        )
        print(f"{judgement.verdict.value}; focus {card.focus:.2f}")
        for line in _of_note(tally):
            print(line)
    if not judgement.improved:
        _say("more answers may help: the model is kept all the same, `photosim models delete` deletes it")
    _say(f"kept, and not in use yet: `photosim models use {shlex.quote(card.name)}` ranks with it")
    return 0


def _of_note(tally: Any) -> list[str]:
    """What of the answers a user may want to look at, a line for each."""
    lines = []
    if tally.contradicting:
        lines.append(
            f"{tally.contradicting} of the answers contradict each other; they are used all the same"
        )
    if tally.gone:
        lines.append(
            f"{tally.gone} of the answers left out: about photos that have not been read for this model, "
            "`photosim scan` reads them"
        )
    return lines


def _say_unused(read: Any) -> None:
    """Name what of a file of answers cannot be used."""
    for photo in read.unknown[:_FIRST_FAILURES]:
        advice = "is not in the library: add its folder first" if photo.exists else "does not exist"
        name = photo.path if photo.path.isprintable() else repr(photo.path)
        _say(f"line {photo.line}: {name} {advice}; left out")
    if len(read.unknown) > _FIRST_FAILURES:
        _say(f"and {len(read.unknown) - _FIRST_FAILURES} more photos that are not in the library")
    for line, reason in read.faulty[:_FIRST_FAILURES]:
        _say(f"line {line}: {reason}; left out")
    if len(read.faulty) > _FIRST_FAILURES:
        _say(f"and {len(read.faulty) - _FIRST_FAILURES} more lines left out")


@contextmanager
def _not_interrupted() -> Iterator[None]:
    """Let Ctrl-C come too late: what is written here is whole, and is reported."""
    before = signal.signal(signal.SIGINT, signal.SIG_IGN)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def _models_list(options: argparse.Namespace, folders: Folders) -> int:
    from photosim.model.registry import OWN

    with _open(options, folders) as library:
        models = [
            {
                "name": card.name,
                "version": card.version,
                "parent": card.parent,
                "trunk": card.trunk,
                "active": card.version == library.card.version,
                "bundled": card.bundled,
                "metrics": card.metrics,
            }
            for card in library.registry.cards()
        ]
        own = library.registry.default().version
        for fault in library.registry.faults():
            _say(f"{fault}; `photosim models delete {shlex.quote(fault.folder.name)}` deletes it")
    if options.json:
        _print_json({"models": models})
        return 0
    for model in models:
        name = "" if model["name"] == model["version"] else f"  {model['name']}"
        if model["version"] == own:
            name = f"  {OWN}"
        marks = ", ".join(mark for mark in ("active", "bundled") if model[mark])
        print(f"{model['version']}{name}{f'  ({marks})' if marks else ''}")
    return 0


def _models_use(options: argparse.Namespace, folders: Folders) -> int:
    with _open(options, folders) as library:
        card = library.registry.get(options.model)
        answers = library.use_model(card.version)
        if answers:
            library.index()
        move = library.moving()
    report = {"name": card.name, "version": card.version, "active": answers}
    if options.json:
        _print_json(report | {"moving": None if move is None else asdict(move)})
    elif answers:
        print(f"photosim now ranks with {card.name}")
    else:
        print(
            f"photosim ranks with {card.name} as soon as it has read the photos for it: "
            "`photosim scan` does, an open window too"
        )
    return 0


def _models_rename(options: argparse.Namespace, folders: Folders) -> int:
    with _open(options, folders) as library:
        card = library.rename_model(options.model, options.name)
    if options.json:
        _print_json({"name": card.name, "version": card.version})
    else:
        print(f"{options.model} is called {card.name} now")
    return 0


def _models_delete(options: argparse.Namespace, folders: Folders) -> int:
    with _open(options, folders) as library:
        # What cannot be used has no name but its folder's, which is its version.
        faulty = [fault.folder for fault in library.registry.faults() if fault.folder.name == options.model]
        if faulty:
            library.delete_faulty_model(faulty[0])
            name = version = faulty[0].name
        else:
            card = library.delete_model(options.model)
            name, version = card.name, card.version
    if options.json:
        _print_json({"name": name, "version": version})
    else:
        print(f"{name} is deleted; photos and answers are untouched")
    return 0


def _models_export(options: argparse.Namespace, folders: Folders) -> int:
    with _open(options, folders) as library:
        card = library.registry.get(options.model)
        path = _exported(options.file)
        if path.is_file() and not options.overwrite and not card.bundled:
            raise ModelError(f"{path} is there already: name another file, or replace it with --overwrite")
        library.store.export(card, path, options.overwrite)
        network = _network(card, library)
    if options.json:
        _print_json({"name": card.name, "version": card.version, "file": str(path)})
    else:
        print(f"{card.name} written to {path}; {network}")
    return 0


def _exported(text: str) -> Path:
    """The file that a model is exported to: it ends in .photosim where no ending was given."""
    from photosim.model.store import SUFFIX

    path = _path(text)
    return path if path.suffix or path.is_dir() else path.with_name(path.name + SUFFIX)


def _network(card: Any, library: Any) -> str:
    """Whose network a model uses, as the window says it."""
    if card.lender is None:
        return f"it needs the network {card.needed_trunk}, which no installed model has"
    if card.trunk_base is not None:
        return "it has a network of its own"
    return f"it uses the network of {_called(card.lender, library)}"


def _called(card: Any, library: Any) -> str:
    from photosim.model.registry import called

    return called(card, library.registry.default().version)


def _models_import(options: argparse.Namespace, folders: Folders) -> int:
    with _open(options, folders) as library:
        card = library.store.import_(_path(options.file))
        network = _network(card, library)
        if not library.has_features_for(card):
            network += ", for which the photos have to be read again"
    if options.json:
        _print_json({"name": card.name, "version": card.version, "trunk": card.needed_trunk})
    else:
        print(f"{card.name} is kept; {network}: `photosim models use {shlex.quote(card.name)}` ranks with it")
    return 0


def _export(options: argparse.Namespace, folders: Folders) -> int:
    from photosim.export import export

    with _open(options, folders) as library:
        photos = export(library, _path(options.file))
    if options.json:
        _print_json({"file": options.file, "photos": photos})
    else:
        print(f"{photos} photos written to {options.file}")
    return 0


def _evaluate(options: argparse.Namespace, folders: Folders) -> int:
    from photosim.training.measure import measure_classes, measure_queries

    focus = None if options.focus is None else _number(options.focus, "--focus", least=0, most=1)
    pair = (options.queries, options.references)
    if (options.folder is None) == (pair == (None, None)) or (None in pair and pair != (None, None)):
        raise PhotosimError("evaluate takes one folder of classes, or --queries and --references together")
    with _open(options, folders) as library, _Counter() as counter:
        card = library.registry.get(options.model) if options.model else library.card
        setup = library.setup_for(card)
        if focus is not None and 0 in card.parts:
            _say(f"the model {card.name} has one part: the focus changes nothing")
        if options.folder is not None:
            report = measure_classes(setup, card, _path(options.folder), focus, counter.show)
        else:
            report = measure_queries(
                setup, card, _path(options.queries), _path(options.references), focus, counter.show
            )
    for path, reason in report.failures[:_FIRST_FAILURES]:
        _say(f"{path}: {reason}; left out")
    if len(report.failures) > _FIRST_FAILURES:
        _say(f"and {len(report.failures) - _FIRST_FAILURES} more files left out")
    if report.figures.get("classes") == 1:
        _say("there is one class alone: every result is right, and the figures say nothing")
    if options.json:
        _print_json(report.figures)
    else:
        for name, value in report.figures.items():
            print(f"{name}: {value:.4f}" if isinstance(value, float) else f"{name}: {value}")
    return 0


def _doctor(options: argparse.Namespace, folders: Folders) -> int:
    from photosim.doctor import examine

    with _open(options, folders) as library:
        checks = []
        for check in examine(library):
            checks.append(asdict(check))
            if not options.json:
                print(f"{'ok ' if check.ok else 'NOT OK'}  {check.name}: {check.detail}", flush=True)
                if check.advice:
                    print(f"        {check.advice}")
    if options.json:
        _print_json({"checks": checks, "version": photosim.__version__, "data": str(folders.data)})
    return 0


_COMMANDS: dict[str, Callable[[argparse.Namespace, Folders], int]] = {
    "gui": _gui,
    "add": _add,
    "remove": _remove,
    "scan": _scan,
    "status": _status,
    "failures": _failures,
    "search": _search,
    "train": _train,
    "models": _models_list,  # its actions each have their own
    "export": _export,
    "evaluate": _evaluate,
    "doctor": _doctor,
}

_MODEL_ACTIONS: dict[str, Callable[[argparse.Namespace, Folders], int]] = {
    "list": _models_list,
    "use": _models_use,
    "rename": _models_rename,
    "delete": _models_delete,
    "export": _models_export,
    "import": _models_import,
}

# Helpers


@contextmanager
def _open(options: argparse.Namespace, folders: Folders) -> Iterator[Any]:
    # Imported late: --help and mistyped options answer at once.
    from photosim.library import Library

    with Library(folders, options.device) as library:
        yield library


def _number(
    text: str, option: str, least: float = -math.inf, most: float = math.inf, whole: bool = False
) -> float:
    try:
        value = float(int(text)) if whole else float(text)
    except ValueError:
        raise QueryError(f"{option} {text}: give a {'whole ' if whole else ''}number") from None
    if not least <= value <= most:
        bounds = f"from {least:g} to {most:g}" if most < math.inf else f"of at least {least:g}"
        raise QueryError(f"{option} {text}: give a number {bounds}")
    return value


def _path(text: str) -> Path:
    """A path of the command line: an empty one, a script's empty variable, would mean the current folder."""
    if not text:
        raise QueryError("a path is empty: name a file or a folder")
    return Path(os.path.expanduser(text))


def _region(text: str, photos: Sequence[str]) -> tuple[float, float, float, float]:
    if len(photos) != 1:
        raise QueryError("--region goes with one photo")
    numbers = text.split(",")
    if len(numbers) != 4:
        raise QueryError(f"--region {text}: give X,Y,WIDTH,HEIGHT as fractions from 0 to 1")
    x, y, width, height = (_number(number, "--region", 0, 1) for number in numbers)
    return x, y, width, height


def _print_json(document: dict[str, Any]) -> None:
    text = json.dumps(document, ensure_ascii=False, indent=1)
    try:
        text.encode(sys.stdout.encoding)
    except UnicodeEncodeError:  # a terminal of another encoding, a name that is not valid UTF-8
        text = json.dumps(document, indent=1)
    print(text)


def _say(text: str) -> None:
    print(f"photosim: {text}", file=sys.stderr)


class _Line:
    """One line of progress on standard error: rewritten on a terminal, else left out."""

    def __init__(self) -> None:
        self._live = sys.stderr.isatty()

    def __enter__(self) -> Any:
        return self

    def __exit__(self, *error: object) -> None:
        self.write("")

    def write(self, text: str) -> None:
        if self._live:
            print(f"\r\x1b[K{text}", end="", file=sys.stderr, flush=True)


class _Progress(_Line):
    def __init__(self) -> None:
        super().__init__()
        self._space_said = False
        self._note: str | None = None

    def show(self, step: Any) -> None:
        if step.note != self._note:
            self._note = step.note
            _say(step.note)
        if step.expected_bytes and not self._space_said:
            self._space_said = True
            _say(f"the library will take about {step.expected_bytes / 1e6:.0f} MB of disk space")
        if step.phase in ("reading", "moving"):
            # What a model was moved to by earlier scans counts.
            before = step.known if step.phase == "moving" else 0
            why = f"for {step.to}: " if step.phase == "moving" and step.to else ""
            left = "" if step.seconds_left is None else f", {step.seconds_left:.0f} s left"
            self.write(
                f"{why}{before + step.done} of {before + step.total}, "
                f"{step.photos_per_second:.0f} photos/s{left}, {step.failed} not readable, {step.device}"
            )
        elif step.phase != "done":
            self.write(f"{step.phase} ...")


class _Counter(_Line):
    def show(self, done: int, total: int) -> None:
        self.write(f"{done} of {total}")


class _Training(_Line):
    def show_all(self, steps: Any) -> Any:
        """Show the progress of a training to its end; returns what came of it."""
        self.write("starting ...")
        while True:
            try:
                step = next(steps)
            except StopIteration as end:
                return end.value
            right = "" if step.accuracy is None else f", {step.accuracy:.0%} of left-out answers right"
            left = "" if step.seconds_left is None else f", {step.seconds_left:.0f} s left"
            self.write(f"{step.phase}: {step.step} of {step.steps}{right}{left}")
