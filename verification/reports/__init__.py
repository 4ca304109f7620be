"""How it is told: a run as text and as JSON, a writer a format."""

from verification.reports.display import Given, Judgement, Options, judge
from verification.reports.document import write_json
from verification.reports.page import write_page
from verification.reports.text import (
    Style,
    make_visible,
    write_finding,
    write_header,
    write_summary,
)

__all__ = ["Given", "Judgement", "Options", "Style", "judge", "make_visible", "write_finding"]
__all__ += ["write_header", "write_json", "write_page", "write_summary"]
