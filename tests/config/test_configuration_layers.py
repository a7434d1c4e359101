"""What wins over what: the file, conf.d beside it, the environment, credentials; and each mistake names its own place."""

from __future__ import annotations

from ipaddress import ip_network
from pathlib import Path

import pytest

from relay.config.loading import Configuration, Mistaken, load

LEAST = """[capture]
hostname = "crm.example.org"
addresses = ["crm@crm.example.org"]
"""


class Folder:
    """A configuration file and what lies beside it."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.file = folder / "bcc-relay.toml"
        self.file.write_text(LEAST)
        (folder / "conf.d").mkdir()

    def drop_in(self, name: str, text: str) -> Path:
        path = self.folder / "conf.d" / name
        path.write_text(text)
        return path

    def load(self, **environment: str) -> Configuration:
        return load(self.file, environment)

    def mistakes(self, **environment: str) -> list[str]:
        with pytest.raises(Mistaken) as caught:
            self.load(**environment)
        return [str(each).removeprefix(f"{self.folder}/") for each in caught.value.mistakes]


@pytest.fixture
def folder(tmp_path: Path) -> Folder:
    return Folder(tmp_path)


def test_drop_ins_are_read_by_name_and_the_later_wins_key_by_key(folder: Folder) -> None:
    last = folder.drop_in("20-b.toml", '[capture]\nmax_size = "3 MiB"\n')
    first = folder.drop_in("10-a.toml", '[capture]\nmax_size = "2 MiB"\nlisten = ["127.0.0.1:0"]\n')
    found = folder.load()
    assert found.settings.capture.max_size == 3 << 20
    assert found.settings.capture.hostname == "crm.example.org"
    assert found.origins["capture.max_size"] == f"{last}:2"
    assert found.origins["capture.listen"] == f"{first}:3"
    assert found.origins["capture.hostname"] == f"{folder.file}:2"
    assert found.drop_ins == (first, last)


def test_a_list_is_replaced_and_tables_add_up(folder: Folder) -> None:
    folder.file.write_text(LEAST + '[[admission.upstream]]\nnetworks = ["192.0.2.1"]\n')
    folder.drop_in("a.toml", '[capture]\naddresses = ["post@crm.example.org"]\n')
    folder.drop_in("b.toml", '[[admission.upstream]]\nnetworks = ["192.0.2.2"]\n')
    settings = folder.load().settings
    assert settings.capture.addresses == ("post@crm.example.org",)
    networks = [each.networks for each in settings.admission.upstream]
    assert networks == [(ip_network("192.0.2.1"),), (ip_network("192.0.2.2"),)]
    assert folder.load().origins["admission.upstream"] == f"{folder.file}:4, {folder.folder}/conf.d/b.toml:1"
    only = folder.load(BCC_RELAY__ADMISSION__UPSTREAM='[{networks = ["192.0.2.3"]}]').settings
    assert [each.networks for each in only.admission.upstream] == [(ip_network("192.0.2.3"),)]


def test_what_editors_and_package_managers_leave_behind_is_not_read(folder: Folder) -> None:
    for name in (".hidden.toml", "a.toml~", "a.toml.dpkg-dist", "#a.toml#", "README"):
        folder.drop_in(name, "this is no TOML")
    assert folder.load().drop_ins == ()


def test_a_required_key_may_come_from_a_drop_in(folder: Folder) -> None:
    folder.file.write_text("")
    folder.drop_in("a.toml", LEAST)
    assert folder.load().settings.capture.hostname == "crm.example.org"


def test_each_mistake_names_its_own_file_in_the_order_of_reading(folder: Folder) -> None:
    folder.file.write_text(LEAST + 'max_size = "lots"\nlisten = ["127.0.0.1:25"]\n')
    folder.drop_in("b.toml", '[capture]\nlisten_tls = ["127.0.0.1:25"]\n')
    folder.drop_in("a.toml", '\n[capture]\nmax_siz = "1 MiB"\n')
    assert folder.mistakes(BCC_RELAY__DNS__TIMEOUT="soon", BCC_RELAY__LIMITS__CONECTIONS="7") == [
        (
            'bcc-relay.toml:4: capture.max_size: "lots" is not a size; write it like "50 MiB" '
            "(B, KiB, MiB, GiB, KB, MB, GB)"
        ),
        "conf.d/a.toml:3: capture.max_siz: there is no such key; did you mean max_size?",
        "conf.d/b.toml:2: capture.listen_tls[1]: 127.0.0.1:25 is listened on twice",
        'BCC_RELAY__DNS__TIMEOUT: "soon" is not a time; write it like "8 s" (ms, s, min, h, days, months, years)',
        "BCC_RELAY__LIMITS__CONECTIONS: there is no such key; did you mean connections?",
    ]


def test_a_drop_in_that_is_no_toml_is_told_with_its_place(folder: Folder) -> None:
    folder.drop_in("a.toml", "[capture\n")
    [said] = folder.mistakes()
    assert said.startswith("conf.d/a.toml:1: syntax: ")


def test_a_conf_d_that_is_no_folder_is_told(folder: Folder) -> None:
    (folder.folder / "conf.d").rmdir()
    (folder.folder / "conf.d").touch()
    assert folder.mistakes() == ["conf.d: cannot be read: not a directory"]


def test_paths_in_drop_ins_are_relative_to_the_file_too(folder: Folder) -> None:
    folder.drop_in("a.toml", '[store]\npath = "shared/relay.db"\n')
    assert folder.load().settings.store.path == folder.folder / "shared/relay.db"


def test_a_credential_stands_in_for_a_secret_file_that_nobody_names(folder: Folder, tmp_path: Path) -> None:
    given = tmp_path / "credentials"
    given.mkdir()
    (given / "tls.key").write_text("secret")
    (given / "tls.certificate").write_text("chain")
    (given / "capture.hostname").write_text("no secret, no file name: not looked at")
    found = folder.load(CREDENTIALS_DIRECTORY=str(given))
    assert (found.settings.tls.key, found.settings.tls.certificate) == (given / "tls.key", given / "tls.certificate")
    assert found.origins["tls.key"] == "credential tls.key"
    assert found.settings.capture.hostname == "crm.example.org"
    folder.drop_in("tls.toml", '[tls]\nkey = "other.key"\n')
    assert folder.load(CREDENTIALS_DIRECTORY=str(given)).settings.tls.key == folder.folder / "other.key"
    (given / "tls.certificate").unlink()
    (folder.folder / "conf.d" / "tls.toml").unlink()
    assert folder.mistakes(CREDENTIALS_DIRECTORY=str(given)) == ["credential tls.key: needs tls.certificate beside it"]


def test_credentials_that_cannot_be_looked_at_are_none(tmp_path: Path, folder: Folder) -> None:
    folder.load(CREDENTIALS_DIRECTORY=str(tmp_path / ("too long" * 40)))  # any refusal of the system, also for root
    given = tmp_path / "not for us"
    given.mkdir(mode=0o000)
    assert folder.load(CREDENTIALS_DIRECTORY=str(given)).settings.tls.key is None


def test_thresholds_that_contradict_each_other_are_told(folder: Folder) -> None:
    folder.drop_in("a.toml", '[health]\nbacklog_warning = "2 h"\ndisk_warning = "100 MiB"\n')
    assert [said.partition(":")[2][:25] for said in folder.mistakes()] == [
        "2: health.backlog_warning",
        "3: health.disk_warning: d",
    ]


@pytest.mark.parametrize("listen", ["0.0.0.0:9425", "[::]:9425", "192.0.2.1:80"])
def test_health_is_told_on_loopback_only(folder: Folder, listen: str) -> None:
    folder.drop_in("a.toml", f'[health]\nlisten = "{listen}"\n')
    [said] = folder.mistakes()
    assert "can be reached from outside" in said
    assert 'write "127.0.0.1:' in said


def test_the_vault_must_not_hold_the_database_wherever_that_is_said(folder: Folder) -> None:
    folder.drop_in("a.toml", '[store]\npath = "/var/lib/bcc-relay/vault/relay.db"\n')
    [said] = folder.mistakes()
    assert said.startswith("conf.d/a.toml:2: store.path: lies in vault.path")
