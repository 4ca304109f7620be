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
from verification.measures import read_table


class Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        self.print_usage(sys.stderr)
        self.exit(4, f"{self.prog}: {message}\n")


def main(arguments: Sequence[str] | None = None) -> int:
    """Measure, print, and return the exit code."""
    if importlib.util.find_spec("torch") is None:
        print("measures need torch: pip install -e '.[verify]'", file=sys.stderr)
        return 3
    parser = build_parser()
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


def build_parser() -> Parser:
    kept, tables = argparse.RawDescriptionHelpFormatter, read_table("options.toml")
    parser = Parser("python -m verification.measures", description=__doc__, formatter_class=kept)
    parts = parser.add_subparsers(required=True, metavar="|".join(tables))
    for name, table in tables.items():
        room = importlib.import_module(f"verification.measures.{name}")
        about = {"help": table["help"], "description": room.__doc__, "formatter_class": kept}
        part = parts.add_parser(name, **about)
        part.set_defaults(measure=room.measure)
        for flag, words in table["options"].items():
            if "type" in words:
                words["type"] = {"int": int, "positive": read_positive}[words["type"]]
            part.add_argument(flag, **words)
        part.add_argument("--json", default="", metavar="FILE", help="JSON; - is standard output")
    return parser


def read_positive(text: str) -> int:
    if int(text) < 1:
        raise argparse.ArgumentTypeError(f"{text} is not above 0")
    return int(text)


if __name__ == "__main__":
    sys.exit(main())
