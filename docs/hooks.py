"""Hooks of mkdocs: links that lead out of `docs/`, which work for readers of the repository, work on the site too.

README, CONTRIBUTING, SECURITY and CHANGELOG become pages of the site. A link to another file, such as an
example plugin, becomes plain text, since the site does not hold it. A link to what does not exist is a warning, and
with `strict: true` that is an error.
"""

from __future__ import annotations

import logging
import os
import posixpath
import re
from pathlib import Path
from typing import Any

from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
PAGES = {f"{name}.md": f"about/{name.lower()}.md" for name in ("README", "CONTRIBUTING", "SECURITY", "CHANGELOG")}
"""Files of the repository that are pages of the site, and where."""
FENCE = re.compile(r"(^```.*?^```$)", re.DOTALL | re.MULTILINE)
LINK = re.compile(r"\[(?P<text>[^\[\]]*)\]\((?P<target>[^)\s:#]+)(?P<anchor>#[^)\s]*)?\)")
CODE = re.compile(r"<code>[^<]*</code>")
log = logging.getLogger("mkdocs.hooks")


def on_files(files: Any, config: Any) -> Any:
    """Add the pages that are not in `docs/`."""
    for source, page in PAGES.items():
        files.append(File.generated(config, page, content=(ROOT / source).read_text(encoding="utf-8")))
    return files


def on_page_markdown(markdown: str, page: Any, **_: Any) -> str:
    """Rewrite the links of a page, those in fenced code left out."""
    place = page.file.src_uri
    parts = FENCE.split(markdown)
    return "".join(part if part.startswith("```") else LINK.sub(lambda m: _link(m, place), part) for part in parts)


def on_page_content(html: str, **_: Any) -> str:
    """Write the bar that a table's cell escapes as the bar that is meant."""
    return CODE.sub(lambda match: match[0].replace(r"\|", "|"), html)


def _link(match: re.Match[str], page: str) -> str:
    """Return a link as the site needs it.

    Args:
        match: A link of a page.
        page: The page's place on the site.
    """
    source = next((one for one, place in PAGES.items() if place == page), f"docs/{page}")
    target = posixpath.normpath(posixpath.join(posixpath.dirname(source), match["target"]))
    if not os.path.exists(ROOT / target):
        log.warning("%s: there is no %s", source, target)
    goal = PAGES.get(target) or (target.removeprefix("docs/") if target.startswith("docs/") else None)
    if goal is None:
        return match["text"]
    return f"[{match['text']}]({posixpath.relpath(goal, posixpath.dirname(page) or '.')}{match['anchor'] or ''})"
