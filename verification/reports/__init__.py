"""How it is told: a run as text and as JSON, a writer a format."""

from verification.reports.document import write_json
from verification.reports.text import write_finding, write_header, write_summary, write_text

__all__ = ["write_finding", "write_header", "write_json", "write_summary", "write_text"]
