"""What the site has beside the pages in `pages/`: the reference, notebooks, the pages of studies with their figures, the changelog.

All of it is made in memory at build. Links in pages are those of the repository, so that they work where the repository is read; here
they become links of the site.
"""

from __future__ import annotations

import posixpath
import re
from pathlib import Path

import gallery
import reference
from mkdocs.structure.files import File

ROOT = Path(__file__).parents[1]
STUDIES = ROOT / "studies" / "results"
LINK = re.compile(r"(\]\()([^)#\s]+)(#[^)\s]*)?(\))")
GALLERY = "learn/notebooks/"
POWER = re.compile(r"(?<=\d)e-(?=\d)")
PLACES = {"CHANGELOG.md": "about/changelog.md"}  # file of the repository → page


def on_config(config):
    """Generated pages take their places in the navigation."""
    for section in config.nav:
        if isinstance(section, dict) and "Results" in section:
            names = sorted(path.parent.name for path in STUDIES.glob("*/README.md"))
            section["Results"].append({"Studies": [{name: f"results/studies/{name}/index.md"} for name in names]})
        if isinstance(section, dict) and "Learn" in section:
            pages = sorted((gallery.title(path), _gallery_page(path)) for path in ROOT.glob("notebooks/*.ipynb"))
            section["Learn"].append({"Gallery": [{title: uri} for title, uri in pages]})
        if isinstance(section, dict) and "Reference" in section:
            settings = [{title: uri} for title, uri in reference.settings_titles().items()]
            section["Reference"].insert(0, {"Settings": settings})
    return config


def on_files(files, config):
    """Generated pages, pages of studies, the files that they show, and notebooks."""
    for uri, text in reference.pages().items():
        files.append(File.generated(config, uri, content=text))
    files.append(File.generated(config, PLACES["CHANGELOG.md"], content=_text(ROOT / "CHANGELOG.md")))
    for path in sorted(ROOT.glob("notebooks/*.ipynb")):
        files.append(File.generated(config, f"notebooks/{path.name}", abs_src_path=str(path)))  # to be downloaded
        notebook = gallery.page(path)
        files.append(File.generated(config, _gallery_page(path), content=notebook.text))
        for name, figure in notebook.figures.items():
            files.append(File.generated(config, f"{GALLERY}{name}", content=figure))
    for path in sorted(STUDIES.glob("*/README.md")):
        for name, shown in _shown(path).items():
            uri = f"results/studies/{path.parent.name}/{name}"
            if shown.suffix == ".md":
                files.append(File.generated(config, uri, content=_text(shown)))
            else:
                files.append(File.generated(config, uri, abs_src_path=str(shown)))
    return files


def on_page_markdown(markdown, page, config, files):
    """Links of the repository → links of the site."""
    here = page.file.src_uri
    source = posixpath.dirname(_in_repository(here))

    def moved(found):
        target = found[2]
        if "://" in target or target.startswith("mailto:"):
            return found[0]
        uri = _on_site(posixpath.normpath(posixpath.join(source, target)), downloads=here.startswith(GALLERY))
        return f"{found[1]}{posixpath.relpath(uri, posixpath.dirname(here) or '.')}{found[3] or ''}{found[4]}"

    markdown = LINK.sub(moved, markdown)
    return _undivided(markdown) if here.startswith("results/") else markdown


def _undivided(markdown: str) -> str:
    """With numbers in tables that no line break divides: a browser breaks at a hyphen."""
    lines = markdown.split("\n")
    return "\n".join(POWER.sub("e\N{NON-BREAKING HYPHEN}", line) if line.startswith("|") else line for line in lines)


def _gallery_page(path: Path) -> str:
    return f"{GALLERY}{path.stem}.md"


def _in_repository(uri: str) -> str:
    """The file of the repository that a page is made from."""
    for file, page in PLACES.items():
        if uri == page:
            return file
    if uri.startswith("results/studies/"):
        return "studies/results/" + uri.removeprefix("results/studies/").replace("/index.md", "/README.md")
    return f"docs/pages/{uri}"


def _on_site(path: str, downloads: bool = False) -> str:
    """The page, or file, of the site that a file of the repository becomes; a notebook is a page, which offers it as a file."""
    if path in PLACES:
        return PLACES[path]
    if path.startswith("notebooks/") and not downloads:
        return _gallery_page(Path(path))
    if path.startswith("studies/results/"):
        place = "results/studies/" + path.removeprefix("studies/results/").replace("/README.md", "/index.md")
        return place if posixpath.splitext(place)[1] else f"{place}/index.md"
    return path.removeprefix("docs/pages/")


def _shown(page: Path) -> dict[str, Path]:
    """What the page of a study is made of: itself, its figures, and the files that it links to."""
    linked = {page.parent / found[2] for found in LINK.finditer(_text(page)) if "/" not in found[2]}
    files = {path for path in linked if path.is_file()} | set(page.parent.glob("*.png"))
    return {"index.md": page} | {path.name: path for path in sorted(files)}


def _text(path: Path) -> str:
    return path.read_text(encoding="utf-8")
