"""How it is told: a run as text and as JSON, a writer a format."""

from verification.reports.display import Given, Judgement, judge
from verification.reports.document import write_json
from verification.reports.text import (
    Style,
    make_visible,
    write_finding,
    write_header,
    write_summary,
)
from verification.reports.watching import keep_watching

__all__ = ["Given", "Judgement", "Style", "judge", "keep_watching", "make_visible"]
__all__ += ["write_finding", "write_header", "write_json", "write_summary"]
