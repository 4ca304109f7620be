"""python -m verification.measures: how strong the judge is, how fast and how exact npcnn is.

Exit codes: 0 all is well, 1 something survives or is misjudged, 2 it could not be measured,
3 torch is missing, 4 bad usage, 130 interrupted.
"""

from __future__ import annotations

import argparse
import importlib
import importlib.util
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import NoReturn

from verification.candidates import UnloadableError

MEASURES = {
    "strength": "how many wrong implementations the judge sees",
    "speed": "how fast npcnn's passes are beside torch's",
    "accuracy": "how exact sums of K products are",
    "lockstep": "npcnn's layers within torch's networks, each beside torch's own",
}


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(4, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    if importlib.util.find_spec("torch") is None:
        print("measures need torch: pip install -e '.[verify]'", file=sys.stderr)
        return 3
    kept = argparse.RawDescriptionHelpFormatter
    parser = Parser("python -m verification.measures", description=__doc__, formatter_class=kept)
    measures = parser.add_subparsers(required=True, metavar="|".join(MEASURES))
    for name, title in MEASURES.items():
        room = importlib.import_module(f"verification.measures.{name}")
        part = measures.add_parser(name, help=title, description=room.__doc__, formatter_class=kept)
        room.add_options(part)
        part.add_argument(
            "--json", default="", metavar="FILE", help="as JSON; - is standard output"
        )
        part.set_defaults(measure=room.measure)
    options = parser.parse_args(arguments)
    try:
        if options.json not in ("", "-"):
            Path(options.json).open("a").close()  # what cannot be written is said before the run
        document, lines, code = options.measure(options)
    except argparse.ArgumentError as error:
        parser.error(str(error))
    except (OSError, RuntimeError, UnloadableError) as error:
        print(error, file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    text = json.dumps(document, indent=1, sort_keys=True)
    if options.json not in ("", "-"):
        Path(options.json).write_text(text + "\n", encoding="utf-8")
    print(text if options.json == "-" else "\n".join(lines))
    return int(code)


if __name__ == "__main__":
    sys.exit(main())
