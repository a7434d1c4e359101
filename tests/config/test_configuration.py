"""A configuration gives settings, or all its mistakes at once with file, line and key."""

from __future__ import annotations

import re
import tomllib
from dataclasses import fields
from ipaddress import ip_network
from pathlib import Path

import pytest

from relay.config.loading import SECTIONS, Mistaken, load, locate
from relay.config.sample import sample
from relay.config.settings import Endpoint, Settings, Upstream

SAMPLE = Path(__file__).parents[2] / "config" / "bcc-relay.toml"
LEAST = '[capture]\nhostname = "crm.example.org"\naddresses = ["crm@crm.example.org"]\n'


@pytest.fixture
def write(tmp_path):
    def write(text: str) -> Path:
        file = tmp_path / "relay.toml"
        file.write_text(text, encoding="utf-8")
        return file

    return write


def mistakes(file: Path, **environment: str) -> list[str]:
    with pytest.raises(Mistaken) as caught:
        load(file, environment)
    return [str(each).removeprefix(f"{file}:") for each in caught.value.mistakes]


def test_the_least_configuration_has_the_documented_defaults(write):
    settings = load(write(LEAST), {}).settings
    assert settings.capture.hostname == "crm.example.org"
    assert settings.capture.addresses == ("crm@crm.example.org",)
    assert settings.capture.listen == (Endpoint("0.0.0.0", 25), Endpoint("::", 25))
    assert settings.limits == Settings().limits


def test_values_are_read_in_the_units_people_write(write, tmp_path):
    settings = load(
        write("""
[capture]
hostname = "CRM.Bücher.example."
listen = ["127.0.0.1:0", "[::1]:2525"]
addresses = [
  "CRM@crm.example.org",  # a comment, with "quotes"
  "post@crm.example.org",
]
max_size = "1.5 MiB"
lmtp = "run/lmtp.sock"
[company]
domains = ["Example.ORG", "bücher.example", "example.org"]
[admission]
networks = ["192.0.2.0/24", "2001:db8::1"]
[[admission.upstream]]
networks = ["192.0.2.10/32"]
authserv_id = "mx.example.org"
[[admission.upstream]]
networks = []
[dns]
servers = ["127.0.0.1:5300", "::1"]
timeout = "500 ms"
[vault]
path = "/srv/vault"
keep = "2 years"
[store]
path = "shared/relay.db"
"""),
        {},
    ).settings
    assert settings.capture.hostname == "crm.xn--bcher-kva.example"
    assert settings.capture.listen == (Endpoint("127.0.0.1", 0), Endpoint("::1", 2525))
    assert settings.capture.addresses == ("crm@crm.example.org", "post@crm.example.org")
    assert settings.capture.max_size == 1572864
    assert settings.capture.lmtp == tmp_path / "run/lmtp.sock"
    assert settings.company.domains == ("example.org", "xn--bcher-kva.example")
    assert settings.admission.networks == (ip_network("192.0.2.0/24"), ip_network("2001:db8::1/128"))
    assert settings.admission.upstream == (
        Upstream(networks=(ip_network("192.0.2.10/32"),), authserv_id="mx.example.org"),
        Upstream(),
    )
    assert settings.dns.servers == ("127.0.0.1:5300", "::1")
    assert settings.dns.timeout == 0.5
    assert settings.vault.keep == 2 * 365.25 * 86400
    assert settings.store.path == tmp_path / "shared/relay.db"


def test_all_mistakes_come_at_once_each_with_file_line_and_key(write):
    found = mistakes(
        write("""\
[capture]
hostnam = "crm.example.org"
listen = [
    "0.0.0.0:25",
    "localhost:25",   # [ not an address
    "::1:25",
]
addresses = ["crm+deal-1@crm.example.org", "crm"]
max_size = 'lots'
[company]
domains = "example.org"
[admision]
networks = []
[admission]
networks = ["10.0.0.1/8", "internet"]
[[admission.upstream]]
networks = ["192.0.2.10/32"]
authserv = "mx.example.org"
[limits]
connections = "many"
connections_per_client = -1
[filing]
unknown = "drop"
[dns]
timeout = 8
[tls]
key = "tls.key"
[store]
max_size = "1 MiB"
""")
    )
    assert [line.partition(": ")[0] for line in found] == [
        "1", "2", "5", "6", "8", "8", "9", "11", "12", "15", "15", "18", "20", "21", "23", "25", "27", "29",
    ]  # fmt: skip
    assert [line.split(": ")[1] for line in found] == [
        "capture.hostname", "capture.hostnam", "capture.listen[2]", "capture.listen[3]", "capture.addresses[1]",
        "capture.addresses[2]", "capture.max_size", "company.domains", "admision", "admission.networks[1]",
        "admission.networks[2]", "admission.upstream[1].authserv", "limits.connections",
        "limits.connections_per_client", "filing.unknown", "dns.timeout", "tls.key", "store.max_size",
    ]  # fmt: skip
    said = {line.split(": ")[1]: line.split(": ", 2)[2] for line in found}
    assert "did you mean hostname?" in said["capture.hostnam"]
    assert "did you mean [admission]?" in said["admision"]
    assert "did you mean authserv_id?" in said["admission.upstream[1].authserv"]
    assert "did you mean capture.max_size?" in said["store.max_size"]
    assert 'without: "crm@crm.example.org"' in said["capture.addresses[1]"]
    assert 'did you mean "10.0.0.0/8"?' in said["admission.networks[1]"]
    assert 'write ["example.org"]' in said["company.domains"]
    assert 'write "8 s"' in said["dns.timeout"]
    assert "must be set" in said["capture.hostname"]


@pytest.mark.parametrize(
    ("text", "line", "said"),
    [
        ('[capture]\nhostname = "a.example\n', 2, "capture"),
        ('[capture]\nhostname = "a.example"\nhostname = "b.example"\n', 3, "hostname: is given twice"),
        ("[capture]\nlisten = [\n", 2, "syntax"),
        ("[capture\n", 1, "syntax"),
        ("x = " + "[" * 5000, 1, ""),
    ],
)
def test_a_toml_syntax_error_has_the_same_form(write, text, line, said):
    file = write(text)
    [mistake] = mistakes(file)
    assert mistake.startswith(f"{line}: ")
    assert len(mistake.splitlines()) == 1


def test_a_key_given_twice_is_named(write):
    assert mistakes(write('[capture]\nhostname = "a.example"\nhostname = "b.example"\n')) == [
        "3: hostname: is given twice"
    ]


def test_a_file_that_is_not_utf8_is_told_with_its_line(write, tmp_path):
    file = tmp_path / "latin.toml"
    file.write_bytes(LEAST.encode() + b"# caf\xe9\n")
    assert mistakes(file) == ["4: is not UTF-8 text; save the file as UTF-8"]


def test_a_missing_file_a_folder_and_a_forbidden_file_give_one_line(tmp_path):
    with pytest.raises(Mistaken, match="there is no such file; name another with --config"):
        load(tmp_path / "none.toml", {})
    with pytest.raises(Mistaken, match="cannot be read: is a directory"):
        load(tmp_path, {})


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("capture = 5\n", "1: capture: is a section; write [capture] and its keys below"),
        ("[[capture]]\nhostname = 'a.example'\n", "1: capture: there is one such section; write [capture]"),
        ("hostname = 'a.example'\n", "1: hostname: belongs into the section [capture]"),
        (
            "[admission.upstream]\nnetworks = []\n",
            "1: admission.upstream: may occur several times; write [[admission.upstream]] and its keys below",
        ),
    ],
)
def test_a_section_of_the_wrong_shape_says_how_to_write_it(write, text, said):
    assert said in mistakes(write(text))


def test_what_is_right_alone_and_wrong_together_is_told(write):
    both = LEAST + 'listen = ["127.0.0.1:25", "[::1]:25", "127.0.0.1:25"]\nlisten_tls = ["[::1]:25"]\n'
    assert mistakes(write(both)) == ["5: capture.listen_tls[1]: [::1]:25 is listened on twice"]
    alone = LEAST + 'listen_tls = ["[::1]:465"]\n'
    assert mistakes(write(alone)) == ["4: capture.listen_tls: needs tls.certificate and tls.key"]
    inside = LEAST + '[vault]\npath = "/srv/x"\n[store]\npath = "/srv/x/relay.db"\n'
    [said] = mistakes(write(inside))
    assert said.startswith("5: vault.path: holds store.path")


def test_the_environment_wins_over_the_file(write):
    environment = {
        "BCC_RELAY__CAPTURE__LISTEN": "127.0.0.1:0, [::1]:0",
        "BCC_RELAY__CAPTURE__MAX_SIZE": "1 MiB",
        "BCC_RELAY__COMPANY__DOMAINS": '["a.example", "b.example"]',
        "BCC_RELAY__LIMITS__CONNECTIONS": "7",
        "BCC_RELAY__ADMISSION__UPSTREAM": '[{networks = ["192.0.2.1"], authserv_id = "mx"}]',
        "BCC_RELAY_CONFIG": "elsewhere",
    }
    found = load(write(LEAST), environment)
    assert found.settings.capture.listen == (Endpoint("127.0.0.1", 0), Endpoint("::1", 0))
    assert found.settings.capture.max_size == 1 << 20
    assert found.settings.company.domains == ("a.example", "b.example")
    assert found.settings.limits.connections == 7
    assert found.settings.admission.upstream[0].authserv_id == "mx"
    assert found.origins["limits.connections"] == "BCC_RELAY__LIMITS__CONNECTIONS"
    assert found.origins["capture.hostname"] == f"{found.file}:2"


def test_a_mistake_in_the_environment_names_its_variable(write):
    file = write(LEAST)
    with pytest.raises(Mistaken) as caught:
        load(
            file,
            {
                "BCC_RELAY__CAPTURE__MAX_SIZ": "1",
                "BCC_RELAY__DNS__TIMEOUT": "soon",
                "BCC_RELAY__LIMIT__X": "1",
                "BCC_RELAY__ADMISSION__UPSTREAM": '[{network = ["192.0.2.1"]}]',
                "BCC_RELAY__COMPANY__DOMAINS": "[unclosed",
            },
        )
    assert [each.where for each in caught.value.mistakes] == [
        "BCC_RELAY__ADMISSION__UPSTREAM",
        "BCC_RELAY__CAPTURE__MAX_SIZ",
        "BCC_RELAY__COMPANY__DOMAINS",
        "BCC_RELAY__DNS__TIMEOUT",
        "BCC_RELAY__LIMIT__X",
    ]
    assert "did you mean max_size?" in str(caught.value)
    assert "did you mean networks?" in str(caught.value)


def test_required_keys_may_come_from_the_environment_alone(write):
    environment = {
        "BCC_RELAY__CAPTURE__HOSTNAME": "crm.example.org",
        "BCC_RELAY__CAPTURE__ADDRESSES": "crm@crm.example.org",
    }
    assert load(write(""), environment).settings.capture.hostname == "crm.example.org"


def test_the_file_is_looked_for_in_the_documented_order(tmp_path):
    here, there = tmp_path / "here.toml", tmp_path / "etc.toml"
    there.touch()
    assert locate("given", {"BCC_RELAY_CONFIG": "env"}, (here, there)) == Path("given")
    assert locate(None, {"BCC_RELAY_CONFIG": "env"}, (here, there)) == Path("env")
    assert locate(None, {}, (here, there)) == there
    here.touch()
    assert locate(None, {}, (here, there)) == here
    with pytest.raises(Mistaken, match="name one with --config or BCC_RELAY_CONFIG"):
        locate(None, {}, (tmp_path / "a", tmp_path / "b"))


def test_the_sample_is_a_right_configuration_and_so_is_every_line_it_comments_out(write):
    text = SAMPLE.read_text(encoding="utf-8")
    assert load(SAMPLE, {}).settings.capture.addresses == ("crm@crm.example.org",)
    whole = re.sub(r"^#(?=[a-z_]+ = |\[\[)", "", text, flags=re.MULTILINE)
    load(write(whole), {})
    document = tomllib.loads(whole)
    for section, keys in SECTIONS.items():
        assert set(document[section]) == set(keys), f"[{section}] of the sample shows other keys than the program knows"
    assert set(document["admission"]["upstream"][0]) == {each.name for each in fields(Upstream)}


def test_the_sample_in_the_repository_is_made_from_the_types():
    assert SAMPLE.read_text(encoding="utf-8") == sample(), "run scripts/make_configuration_docs.py"


def test_the_sample_shows_the_defaults(write):
    text = SAMPLE.read_text(encoding="utf-8")
    optional = {"lmtp", "certificate", "key", "client_ca", "upstream", "domains", "hostname", "addresses"}
    whole = load(write(re.sub(r"^#(?=[a-z_]+ = |\[\[)", "", text, flags=re.MULTILINE)), {}).settings
    for section, keys in SECTIONS.items():
        for name in set(keys) - optional:
            if (section, name) != ("health", "listen"):  # an example; by default nothing listens
                assert getattr(getattr(whole, section), name) == getattr(getattr(Settings(), section), name), name
