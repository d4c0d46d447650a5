"""What gcov counted in a folder of the preset `coverage`."""
import gzip
import json
import pathlib
import subprocess
import sys

ROOT = pathlib.Path(__file__).resolve().parents[2]


def build_folder(doc):
    if len(sys.argv) != 2:
        sys.exit(doc)
    return pathlib.Path(sys.argv[1]).resolve()


def build(folder, *targets, jobs=1):
    subprocess.run(["cmake", "--build", str(folder), "-j", str(jobs), "--target", *targets], check=True, stdout=subprocess.DEVNULL)


def forget(folder):
    """Counts of earlier runs would be added to."""
    for old in folder.rglob("*.gcda"):
        old.unlink()


def counted(folder, *options):
    """(source, what gcov says of it) for every object under the folder; a source compiled twice comes twice."""
    objects = [str(path) for path in folder.rglob("*.c.gcno")]
    if not objects:
        sys.exit(f"coverage: nothing was compiled in {folder}")
    # gcov takes a path in an object as relative to where the compiler ran, which for Ninja is the build folder.
    done = subprocess.run(["gcov", *options, "--json-format", "--stdout", *objects], check=True, capture_output=True)
    text = gzip.decompress(done.stdout) if done.stdout[:2] == b"\x1f\x8b" else done.stdout
    for line in text.splitlines():
        document = json.loads(line)
        for file in document["files"]:
            path = (pathlib.Path(document["current_working_directory"]) / file["file"]).resolve()
            if path.suffix == ".c" and path.is_relative_to(ROOT):
                yield str(path.relative_to(ROOT)), file
