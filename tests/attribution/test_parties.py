"""Who is on a mail: our people by any of their addresses, in whatever form these are written, and nobody of ours as a lead."""

from __future__ import annotations

import pytest
from letters import ANNA, OURS, mail, people, record

from relay.attribution.directory import Directory, staff_by_key

PEOPLE = (
    ("rep@our.example", 1), ("rep@private.example", 1), ("rep@bücher.example", 1), ("boss@xn--bcher-kva.example", 2),
    ("<mailto:chief@private.example>", 3), ("first last@private.example", 4), ("tag+own@private.example", 5),
)  # fmt: skip
"""As CRMs write `staff_address`: the domain in letters or as `xn--`, with what was copied around it."""

DIRECTORY = Directory(OURS.domains, OURS.capture, staff_by_key((key.lower(), staff) for key, staff in PEOPLE))


@pytest.mark.parametrize(
    ("written", "staff"),
    [
        ("rep@private.example", 1),
        ("REP@Private.EXAMPLE", 1),
        ("Rep <rep+news@private.example>", 1),
        ("Rep <Rep+a+b@PRIVATE.example>", 1),
        ("<mailto:rep@private.example>", 1),
        ("Rep <mailto:rep@private.example>", 1),
        ("'rep@private.example'", 1),
        ('"rep@private.example" <rep@private.example>', 1),
        ('"rep"@private.example', 1),
        ("rep@bücher.example", 1),
        ("Rep <REP+x@BÜCHER.example>", 1),
        ("rep@xn--bcher-kva.example", 1),
        ("boss@bücher.example", 2),
        ("boss@XN--BCHER-KVA.example", 2),
        ("chief@private.example", 3),
        ('"first last"@private.example', 4),
        ("tag+own@private.example", 5),
        ("tag@private.example", None),
        ("rep@private.example.org", None),
        ("xrep@private.example", None),
    ],
)
@pytest.mark.parametrize("field", ["From", "Sender", "Reply-To", "To", "Cc", "Bcc"])
def test_a_colleague_is_known_by_any_address_in_any_form_and_field(written: str, staff: int | None, field: str) -> None:
    octets = f"{'To' if field == 'From' else 'From'}: {ANNA}\r\n{field}: {written}\r\nMessage-ID: <1@x.example>\r\n\r\nhi\r\n"
    one = record(octets.encode(), directory=DIRECTORY, reverse_path=None)
    [party] = [each for each in one.parties if each.address.key != "anna@lead.example"]
    assert DIRECTORY.staff_id(party.address) == staff
    assert party.role == field.lower()
    if field == "From":
        assert (one.verdict.direction == "outgoing") == (staff is not None)


def test_all_fields_and_those_who_received_it_unseen_are_on_it() -> None:
    fields = {"Sender": "s@a.example", "Reply_To": "r@a.example", "Cc": "c@a.example", "Bcc": "b@a.example"}
    one = record(
        mail(from_="f@a.example", to="t@a.example", **fields), forward_paths=("crm@relay.example", "u@a.example")
    )
    assert people(one) == {
        "f@a.example": "from", "s@a.example": "sender", "r@a.example": "reply-to", "t@a.example": "to",
        "c@a.example": "cc", "b@a.example": "bcc", "u@a.example": "bcc",
    }  # fmt: skip
