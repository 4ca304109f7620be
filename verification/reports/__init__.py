"""How it is told: a run as text and as JSON, a writer a format."""

from verification.reports.display import Given, Judgement, Options, judge
from verification.reports.grades import FORMATS, Mark, grade, write_line
from verification.reports.text import (
    Style,
    make_visible,
    write_finding,
    write_header,
    write_summary,
)

__all__ = ["FORMATS", "Given", "Judgement", "Mark", "Options", "Style", "grade", "judge"]
__all__ += ["make_visible", "write_finding", "write_header", "write_line"]
__all__ += ["write_summary"]
