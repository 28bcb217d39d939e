"""Fuzz one target, guided by the coverage of the package (docs/testing.md).

    python3 -m tests.fuzz                      list the targets
    python3 -m tests.fuzz cbor --seconds 60    fuzz one of them; needs `pip install atheris`
    python3 -m tests.fuzz cbor --replay FILE   check one input, with nothing but the package

What is found is written to a file `crash-...` in the present directory.
"""

import argparse
import random
import subprocess
import sys
import tempfile
from pathlib import Path

MISSING = (
    "coverage-guided fuzzing needs atheris, which is not installed: pip install atheris\n"
    "(not every platform has a wheel; the seeded form in tests/system/test_fuzzing.py needs nothing)"
)
TIMEOUT_S = 5
MEMORY_MB = 1024


def main() -> int:
    """Parse the arguments and do what they say; returns the exit code."""
    parser = argparse.ArgumentParser(prog="python3 -m tests.fuzz", description=__doc__.splitlines()[0])
    parser.add_argument("name", nargs="?", help="which target; without it, they are listed")
    parser.add_argument("--seconds", type=int, default=60, help="how long (default: 60)")
    parser.add_argument("--corpus", type=Path, help="a directory that keeps what was found interesting")
    parser.add_argument("--replay", type=Path, help="check the input in this file instead")
    options = parser.parse_args()
    if options.name is None:
        from tests.fuzz.targets import TARGETS

        print("\n".join(TARGETS))
        return 0
    if options.replay is not None:
        return replay(options.name, options.replay)
    if options.corpus is not None:
        return fuzz(options.name, options.seconds, options.corpus)
    # A process of its own: libFuzzer ends it and would leave the directory behind.
    with tempfile.TemporaryDirectory() as corpus:
        arguments = [options.name, "--seconds", str(options.seconds), "--corpus", corpus]
        return subprocess.run([sys.executable, "-m", "tests.fuzz", *arguments], check=False).returncode


def replay(name: str, file: Path) -> int:
    """Check one input; what is wrong with it ends the program with a traceback."""
    from tests.fuzz.targets import TARGETS

    TARGETS[name].check(file.read_bytes())
    return 0


def fuzz(name: str, seconds: int, directory: Path) -> int:
    """Fuzz for some time. directory: holds the inputs that reach something new."""
    try:
        import atheris  # type: ignore[import-untyped]
    except ImportError:
        print(MISSING, file=sys.stderr)
        return 2
    # Before anything of it is imported: later there is nothing left to instrument.
    with atheris.instrument_imports(include=["minirelay"]):
        from tests.fuzz.targets import TARGETS
    target = TARGETS[name]
    mutator = target.mutator(name)

    def mutate(data: bytes, most_bytes: int, seed: int) -> bytes:
        chance = random.Random(seed)
        changed = mutator.change(chance, data) if chance.random() < 0.7 else atheris.Mutate(data, most_bytes)
        return bytes(changed[:most_bytes])

    directory.mkdir(parents=True, exist_ok=True)
    for number, sound in enumerate(target.corpus()):
        (directory / f"sound-{number}").write_bytes(sound)
    flags = [
        f"-max_total_time={seconds}",
        f"-timeout={TIMEOUT_S}",
        f"-rss_limit_mb={MEMORY_MB}",
        "-max_len=8192",
    ]
    atheris.Setup([sys.argv[0], *flags, str(directory)], target.check, custom_mutator=mutate)
    atheris.Fuzz()
    return 0


if __name__ == "__main__":
    sys.exit(main())
