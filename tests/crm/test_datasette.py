"""config/datasette.json: true to the schema, and pages that Datasette shows without an error."""

from __future__ import annotations

import importlib.util
import json
import os
import re
import select
import shutil
import subprocess
import urllib.error
import urllib.parse
import urllib.request
from pathlib import Path

import pytest
from running import PATIENCE

ROOT = Path(__file__).parents[2]
CONFIG = ROOT / "config" / "datasette.json"
FOUND = json.loads(CONFIG.read_text(encoding="utf-8"))
RELAY = FOUND["databases"]["relay"]


def test_the_file_is_what_its_script_makes():
    found = importlib.util.spec_from_file_location("make_datasette", ROOT / "scripts" / "make_datasette.py")
    module = importlib.util.module_from_spec(found)
    found.loader.exec_module(module)
    assert CONFIG.read_text(encoding="utf-8") == module.text(), "run scripts/make_datasette.py"


def test_every_table_and_column_that_it_names_exists_and_the_relays_own_tables_are_hidden(office):
    tables = {name for (name,) in office.sql("SELECT name FROM sqlite_master WHERE type IN ('table', 'view')")}
    assert set(RELAY["tables"]) <= tables
    for name, told in RELAY["tables"].items():
        columns = {column for (column,) in office.sql("SELECT name FROM pragma_table_xinfo(?)", name)}
        named = {*told.get("columns", {}), *told.get("facets", [])}
        named |= {told[key] for key in ("sort_desc", "label_column") if key in told}
        assert named <= columns, name
    own = {name for name in tables if name.startswith("_") and not name.startswith("_do_")}
    views = {name for (name,) in office.sql("SELECT name FROM sqlite_master WHERE type = 'view'")}
    assert own - views <= {name for name, told in RELAY["tables"].items() if told.get("hidden")}


@pytest.mark.parametrize("name", sorted(RELAY["queries"]))
def test_every_query_runs_and_finds_something(office, name):
    given = {"lead": "1", "id": "2", "words": "a"}
    sql = RELAY["queries"][name]["sql"]
    asked = re.sub(r"'[^']*'|:(\w+)", lambda found: f"'{given.get(found[1], 'x')}'" if found[1] else found[0], sql)
    assert office.sql(asked), name


@pytest.fixture(scope="session")
def datasette():
    """The program; $BCC_RELAY_DATASETTE, or the one beside our Python, or on the PATH."""
    found = (
        os.environ.get("BCC_RELAY_DATASETTE")
        or shutil.which("datasette", path=str(Path(os.sys.executable).parent))
        or shutil.which("datasette")
    )
    if found is None:
        assert not os.environ.get("CI"), "CI needs datasette (requirements-dev)"
        pytest.skip("needs Datasette (pip install datasette, tried with 0.65)")
    return found


@pytest.fixture
def site(datasette, office):
    """Datasette on the office's databases, as the manual says, and its address."""
    office.run("search", "--rebuild")
    log = office.folder / "datasette.log"
    with log.open("wb") as errors:
        process = subprocess.Popen(
            [datasette, "relay.db", "search.db", "-m", str(CONFIG), "-p", "0"],
            cwd=office.database.parent, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
        )  # fmt: skip
        told = b""
        try:
            while b"running on http" not in told:
                ready, _, _ = select.select([process.stderr], [], [], PATIENCE)
                piece = os.read(process.stderr.fileno(), 65536) if ready else b""
                assert piece, told.decode()
                told += piece
                errors.write(piece)
            yield re.search(rb"running on (http://[0-9.:]+)", told)[1].decode()
        finally:
            process.terminate()
            process.communicate(timeout=PATIENCE)


def fetch(address):
    with urllib.request.urlopen(address, timeout=PATIENCE) as answer:
        return answer.status, answer.read().decode()


def test_the_pages_are_shown_without_an_error_and_lead_to_each_other(site):
    status, leads = fetch(f"{site}/relay/leads")
    assert status == 200
    assert "Anna Lindqvist" in leads
    links = [urllib.parse.unquote(each.replace("&amp;", "&")) for each in re.findall(r'href="(http://[^"]+)"', leads)]
    timelines = [each for each in links if "/timeline?lead=" in each]
    facets = [each for each in links if "/lead_timeline?" in each]
    assert (len(timelines), len(facets)) == (5, 5)
    page = fetch(next(each for each in timelines if each.endswith("=1")))[1]
    for told in (
        "Anna Lindqvist",
        "Lindqvist AB",
        "New hall (offer)",
        "Offer for the new hall",
        "Enclosed: offer.pdf",
        "message_page?id=",
    ):
        assert told in page, told
    page = fetch(next(each for each in facets if each.endswith("=1")))[1]
    assert 'data-facet-value="outgoing"' in page or ">outgoing</a>" in page
    pages = [
        "/",
        "/relay",
        "/search",
        "/relay/lead",
        "/relay/lead/1",
        "/relay/message/1",
        "/search/words?words=foundation",
        "/search/message_search?_search=gates",
    ]
    pages += [f"/relay/{name}?lead=1&id=2&words=gates" for name in RELAY["queries"]]
    pages += [f"/relay/{name}?_size=5" for name, told in RELAY["tables"].items() if not told.get("hidden")]
    for each in pages:
        try:
            status, page = fetch(site + each)
        except urllib.error.HTTPError as error:
            raise AssertionError(f"{each}: {error.code} {error.read()[:2000]!r}") from None
        assert status == 200
        assert "message-error" not in page, each
    assert "Plans for the foundation" in fetch(site + "/search/words?words=foundation")[1]
    assert "Re: Offer for the new hall" in fetch(site + "/relay/timeline?lead=1&words=gates")[1]
    assert "Invoice 2041" not in fetch(site + "/relay/timeline?lead=1&words=gates")[1]


def test_the_screenshot_of_the_readme_is_small_enough_to_load():
    octets = (ROOT / "docs" / "images" / "lead-page.png").read_bytes()
    assert octets.startswith(b"\x89PNG")
    assert len(octets) < 200_000
    assert int.from_bytes(octets[16:20]) == 1200
