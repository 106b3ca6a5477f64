"""The documentation keeps its word: links lead somewhere, commands exist, examples give what they show."""

import doctest
import re
import shlex
import shutil
from pathlib import Path
from urllib.parse import unquote

import pytest
import typer

from earmark.cli.main import app

CHECKOUT = Path(__file__).resolve().parents[1]
PAGES = [CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md"))]
SHELL = ("bash", "console")
EXAMPLES_MAY = doctest.NORMALIZE_WHITESPACE | doctest.ELLIPSIS


def name_of(page: Path) -> str:
    return page.relative_to(CHECKOUT).as_posix()


def fenced_blocks(page: Path) -> list[tuple[str, int, str]]:
    """Give language, line of the opening fence and content of each fenced block; a block in a list is dedented."""
    blocks = []
    lines = iter(enumerate(page.read_text(encoding="utf-8").splitlines(), start=1))
    for number, line in lines:
        fence = re.fullmatch(r"( *)(```+)(\w*).*", line)
        if not fence:
            continue
        indent, closing, language = fence.groups()
        content = []
        for _, inner in lines:
            if inner.strip() == closing:
                break
            content.append(inner.removeprefix(indent))
        else:
            raise AssertionError(f"{name_of(page)}, line {number}: this block is never closed")
        blocks.append((language, number, "\n".join(content) + "\n"))
    return blocks


def prose(page: Path) -> str:
    """Give the page without fenced blocks and without code within lines."""
    text = re.sub(r"^( *)(```+).*?^ *\2 *$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    return re.sub(r"`[^`\n]*`", "", text)


def anchors(page: Path) -> set[str]:
    """Give the names by which the headings of a page are linked to, as GitHub makes them."""
    text = re.sub(r"^( *)(```+).*?^ *\2 *$", "", page.read_text(encoding="utf-8"), flags=re.MULTILINE | re.DOTALL)
    found: set[str] = set()
    for heading in re.findall(r"^#+ +(.+?) *$", text, flags=re.MULTILINE):
        base = re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-")
        count = 0
        while (name := f"{base}-{count}" if count else base) in found:
            count += 1
        found.add(name)
    return found


def links(page: Path) -> list[str]:
    text = prose(page)
    targets = re.findall(r"\]\(\s*<?([^)\s>]+)>?[^)]*\)", text) + re.findall(
        r"^\[[^\]]+\]:\s*(\S+)", text, re.MULTILINE
    )
    return [target for target in targets if not re.match(r"[a-z][a-z+.-]*:", target)]


def earmark_commands(page: Path) -> list[tuple[int, list[str]]]:
    """Give the words after ``earmark`` of each command of the page's shell blocks, and where the block begins."""
    found = []
    for language, number, content in fenced_blocks(page):
        if language not in SHELL:
            continue
        lines = content.replace("\\\n", " ").splitlines()
        if language == "console":  # what does not follow a prompt is output
            lines = [line[2:] for line in lines if line.startswith("$ ")]
        for line in lines:
            found += [(number, words) for words in _calls(line)]
    return found


def _calls(line: str) -> list[list[str]]:
    """Split a line at ``|``, ``;`` and ``&``, drop assignments and redirections, and keep calls of earmark."""
    lexer = shlex.shlex(line, posix=True, punctuation_chars="|;&<>")
    lexer.whitespace_split, calls, words = True, [], []
    for word in [*lexer, ";"]:
        if not set(word) <= set("|;&"):
            words.append(word)
            continue
        while words and re.match(r"\w+=", words[0]):
            words.pop(0)
        if words and words[0] == "earmark":
            ends = [place for place, each in enumerate(words) if set(each) <= set("<>")]
            calls.append(words[1 : min(ends, default=len(words))])
        words = []
    return calls


LINKS = [pytest.param(page, link, id=f"{name_of(page)}-{link}") for page in PAGES for link in links(page)]
COMMANDS = [
    pytest.param(words, id=f"{name_of(page)}:{number}-{shlex.join(words)}")
    for page in PAGES
    for number, words in earmark_commands(page)
]
PYTHON = [
    pytest.param(page, number, content, id=f"{name_of(page)}:{number}")
    for page in PAGES
    for language, number, content in fenced_blocks(page)
    if language == "python"
]


@pytest.mark.parametrize(("page", "link"), LINKS)
def test_every_link_within_the_project_leads_to_a_file_or_heading(page: Path, link: str):
    path, _, heading = link.partition("#")
    target = (page.parent / unquote(path)).resolve() if path else page
    assert target.exists(), f"{name_of(page)} links to {link}: there is no such file"
    assert target.is_relative_to(CHECKOUT), f"{name_of(page)} links to {link}, which is outside the project"
    if heading:
        assert unquote(heading) in anchors(target), f"{name_of(page)} links to {link}: there is no such heading"


def test_every_page_is_in_the_index():
    index = CHECKOUT / "docs" / "README.md"
    listed = {link.partition("#")[0] for link in links(index)}
    assert {page.name for page in index.parent.glob("*.md")} - {"README.md"} <= listed


@pytest.mark.parametrize("words", COMMANDS)
def test_every_command_that_is_shown_exists_with_its_options(words: list[str]):
    root = typer.main.get_command(app)
    if words[:1] == ["--version"]:
        return
    assert words, "this shows earmark without a command"
    assert words[0] in root.commands, f"there is no command {words[0]!r}"
    arguments = [word for word in words[1:] if word not in ("-h", "--help")]
    if arguments or len(words) == 1:
        root.commands[words[0]].make_context(words[0], arguments)  # an unknown option or value raises


@pytest.mark.parametrize(("page", "number", "content"), [each for each in PYTHON if ">>>" not in each.values[2]])
def test_python_without_prompts_compiles(page: Path, number: int, content: str):
    compile(content, f"{name_of(page)}:{number}", "exec")


@pytest.mark.usefixtures("yamnet_weights")
@pytest.mark.parametrize(
    "page", dict.fromkeys(each.values[0] for each in PYTHON if ">>>" in each.values[2]), ids=name_of
)
def test_python_with_prompts_gives_what_it_shows(
    page: Path, sounds: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    """The blocks of a page run one after the other, in a folder that holds ``sounds/``."""
    shutil.copytree(sounds, tmp_path / "sounds")
    monkeypatch.chdir(tmp_path)
    names: dict[str, object] = {}
    for language, number, content in fenced_blocks(page):
        if language != "python" or ">>>" not in content:
            continue
        test = doctest.DocTestParser().get_doctest(content, names, name_of(page), str(page), number)
        said: list[str] = []
        outcome = doctest.DocTestRunner(optionflags=EXAMPLES_MAY).run(test, out=said.append, clear_globs=False)
        assert not outcome.failed, "".join(said)
        names = test.globs


def test_the_example_of_an_embedding_of_ones_own_embeds(sounds: Path):
    from earmark.embeddings import Registration

    module = next(
        content
        for language, _, content in fenced_blocks(CHECKOUT / "docs" / "add-an-embedding.md")
        if language == "python" and "REGISTRATION = " in content
    )
    names: dict[str, object] = {"__name__": "melstats"}
    exec(compile(module, "melstats.py", "exec"), names)
    registration = names["REGISTRATION"]
    assert isinstance(registration, Registration)
    model = registration.load()
    found = model.embed_file(sounds / "hum" / "0.wav")
    assert found.values.shape == (len(found.times), registration.card.dimension)
    assert model.fingerprint.card == registration.card.name
