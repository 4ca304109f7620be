"""How it is told: a run as text and as JSON, a writer a format."""

from verification.reports.display import Given, Judgement, Options, judge
from verification.reports.grades import FORMATS, grade, write_line
from verification.reports.text import (
    Style,
    make_visible,
    write_finding,
    write_header,
    write_summary,
    write_text,
)

__all__ = ["FORMATS", "Given", "Judgement", "Options", "Style", "grade", "judge", "make_visible"]
__all__ += ["write_finding", "write_header", "write_line", "write_summary", "write_text"]
