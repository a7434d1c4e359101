"""Gathering: all that a mail's origin can prove, asked of DNS at once, under one deadline.

Decides nothing. What DNS does not answer in time is told as a fault, so that the decision can see whether it mattered;
each part that is ready counts, whatever became of the others. Long bodies are hashed piece by piece between turns of
the loop, one at a time, so that large mail does not hold up the greetings of others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self, TypeVar

from relay.mail import arc, authres, dkim, dmarc, spf
from relay.mail.address import Address, a_labels
from relay.mail.canonical import PIECE, Field, body_digest, body_digesting, split
from relay.mail.heading import LONGEST, Heading
from relay.mail.proof import Arc, Dmarc, Proof, Result, Said, Signature, Spf
from relay.mail.public_key import PublicKey, read_key
from relay.proof.resolver import Resolver

SIGNATURES = 5
"""Signatures of one message that are verified, those of the author's organisation first: each costs a question."""

SHORT = PIECE
"""Octets of a body that are hashed at once; longer ones piece by piece."""

ORPHAN = PublicKey(why="key-missing")

T = TypeVar("T")


@dataclass(frozen=True, slots=True)
class Asked:
    """What is to be proved. `client`: an IP address; `helo`: what the client called itself.

    `heading`: of the content, with exactly one author. `relayed`: an upstream handed it in, so the client is not who
    sent it, and SPF says nothing; `authserv_id`: that upstream's, '' when its results are not believed.
    """

    client: str
    helo: str
    reverse_path: Address | None
    content: bytes
    heading: Heading
    relayed: bool = False
    authserv_id: str = ""

    @property
    def author(self) -> str:
        """The author's domain, '' when there is not exactly one author."""
        found = self.heading.author
        return found.domain if found is not None else ""


class Gatherer:
    """`timeout`: seconds for all questions of one message together."""

    def __init__(self, resolver: Resolver, timeout: float) -> None:
        self._resolver = resolver
        self._timeout = timeout
        self._large = asyncio.Semaphore(1)
        dmarc.organisational("example.org")  # the list of suffixes takes 50 ms to read: now, not beside the first mail

    async def gather(self, asked: Asked, now: datetime) -> Proof:
        """Everything, or as much as there was time for. Raises nothing that a stranger or DNS can bring about."""
        message = _Message(asked)
        async with _Parts(None) as hashing:  # our own work, which DNS's time must not cut off
            bodies = {relaxed: hashing.add(self._digest(message, relaxed)) for relaxed in message.body_forms}
            async with _Parts(self._timeout) as parts:
                host = parts.add(self._resolver.host_name(asked.client))
                sending = parts.add(self._spf(asked))
                stating = parts.add(self._policy(asked.author))
                keys = {name: parts.add(self._key(name)) for name in message.key_names}
        found = {name: _done(task, None) for name, task in keys.items()}
        digests = {relaxed: task.result() for relaxed, task in bodies.items()}
        at, stated, unknown = _done(stating, ("", None, True))
        signatures = []
        for claim in message.claims:
            signatures.append(message.signature(claim, found[claim.key_name], digests[claim.relaxed_body], now))
            await asyncio.sleep(0)
        signed, sent = dmarc.align(
            asked.author, stated, signatures, _done(sending, Spf(Result.TEMPERROR, _sender(asked))), unknown=unknown
        )
        judged = dmarc.judge(asked.author, at, stated, signed, sent)
        if unknown:
            judged = replace(judged, result=Result.TEMPERROR)
        sealed = message.sealed(found, digests, now)
        upstream = said(message.fields, asked.authserv_id)
        return Proof(
            host=_done(host, ""),
            spf=sent,
            signatures=signed,
            dmarc=judged,
            arc=replace(sealed, passed=dmarc.strictly(asked.author, stated, sealed.passed)),
            said=replace(upstream, passed=dmarc.strictly(asked.author, stated, upstream.passed)),
            faults=_faults(asked.author, signed, sent, judged, sealed),
        )

    async def _digest(self, message: _Message, relaxed: bool) -> bytes:
        """SHA-256 of the body; of long ones a piece for each turn of the loop, and one message after the other."""
        if message.size <= SHORT:
            return message.digest(relaxed)
        async with self._large:
            steps = message.digesting(relaxed)
            while True:
                try:
                    next(steps)
                except StopIteration as end:
                    return bytes(end.value)
                await asyncio.sleep(0)

    async def _key(self, name: str) -> PublicKey | None:
        """The key under that name; None when DNS does not answer."""
        answer = await self._resolver.ask(name, "TXT")
        if answer.fault:
            return None
        keys = [read_key(text) for text in answer.records[:4]]
        return next((key for key in keys if not key.why), keys[0] if keys else ORPHAN)

    async def _spf(self, asked: Asked) -> Spf:
        """Of the reverse-path; of the HELO name where that is null (RFC 7208 §2.4)."""
        domain = _sender(asked)
        if asked.relayed or not domain:
            return Spf()
        reverse = asked.reverse_path
        sender = str(reverse) if reverse is not None else f"postmaster@{domain}"
        try:
            asking = spf.check_host(asked.client, domain, sender, asked.helo)
            return Spf(await self._answered(asking), domain)
        except ValueError:  # no IP address: a socket of this machine
            return Spf(Result.NONE, domain)

    async def _answered(self, asking: Generator[spf.Question, spf.Records, Result]) -> Result:
        """Ask what it asks until it knows."""
        try:
            name, kind = next(asking)
            while True:
                answer = await self._resolver.ask(name, kind)
                name, kind = asking.send(None if answer.fault else answer.records)
        except StopIteration as end:
            return Result(end.value)

    async def _policy(self, author: str) -> tuple[str, dmarc.Policy | None, bool]:
        """(domain of the record, what it states, whether DNS did not answer)."""
        for name in dmarc.names(author) if author else ():
            answer = await self._resolver.ask(name, "TXT")
            if answer.fault:
                return "", None, True
            stated = dmarc.policy(answer.records)
            if stated is not None:
                return name.removeprefix("_dmarc."), stated, False
        return "", None, False


def said(fields: tuple[Field, ...], authserv_id: str) -> Said:
    """What the topmost Authentication-Results with that very id says (RFC 8601 §5); nothing for no id."""
    if not authserv_id:
        return Said()
    for name, field in fields:
        if name.lower() != b"authentication-results":
            continue
        value = field.partition(b":")[2].decode("utf-8", "replace")
        results = authres.read(value)
        if results is None:
            return Said()  # whose it is cannot be read: what stands below may be forged
        if results.authserv_id.lower() == authserv_id.lower():
            return Said(results.authserv_id, results.passed())
    return Said()


class _Message:
    """What a message claims, and what its claims are worth once keys and digests are there."""

    def __init__(self, asked: Asked) -> None:
        self._content = asked.content
        self._heading = asked.heading
        self.fields, self._start = split(asked.content, LONGEST + 4)
        claims = dkim.claims(self.fields)
        self.claims = sorted(claims, key=lambda each: not dmarc.aligned(each.domain, asked.author))[:SIGNATURES]
        self._chain = arc.chain(self.fields)

    @property
    def size(self) -> int:
        return len(self._content) - self._start

    @property
    def key_names(self) -> tuple[str, ...]:
        """What must be asked of DNS; nothing for what cannot count whatever the answer."""
        sealing = self._chain.key_names if self._chain is not None else ()
        return tuple(dict.fromkeys((*(each.key_name for each in self.claims), *sealing)))

    @property
    def body_forms(self) -> frozenset[bool]:
        """Which canonical forms of the body are needed: relaxed or not."""
        forms = {each.relaxed_body for each in self.claims}
        if self._chain is not None and not self._chain.broken:
            forms.add(self._chain.sets[-1].message.relaxed_body)
        return frozenset(forms)

    def digest(self, relaxed: bool) -> bytes:
        return body_digest(self._content, self._start, relaxed=relaxed)

    def digesting(self, relaxed: bool) -> Generator[None, None, bytes]:
        return body_digesting(self._content, self._start, relaxed=relaxed)

    def signature(self, claim: dkim.Claim, key: PublicKey | None, digest: bytes, now: datetime) -> Signature:
        """What one signature is worth. `key`: None where there was no answer."""
        if not self._heading.proper:
            return dkim.refused(claim, why="header-improper")
        if key is None:
            found = dkim.unanswered(claim, self.fields, lambda _: digest, now)
        else:
            found = dkim.judge(claim, key, self.fields, lambda _: digest, now)
        if found.signed_at is None and dkim.dates(claim):
            found = replace(found, signed_at=self._heading.date)
        return found

    def sealed(self, keys: dict[str, PublicKey | None], digests: dict[bool, bytes], now: datetime) -> Arc:
        """What the ARC chain is worth."""
        if self._chain is None:
            return Arc()
        if self._chain.broken or not self._heading.proper:
            return Arc(Result.FAIL)
        newest = self._chain.sets[-1]
        digest = digests[newest.message.relaxed_body]
        found = arc.judge(self._chain, keys, self.fields, lambda _: digest, now)
        if found.sealed_at is None and dkim.dates(newest.message):
            found = replace(found, sealed_at=self._heading.date)
        return found


class _Parts:
    """Tasks that share one deadline, or none: at the end each is done, or was cancelled."""

    def __init__(self, timeout: float | None) -> None:
        self._timeout = timeout
        self._tasks: list[asyncio.Task[Any]] = []

    def add(self, part: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(part)
        self._tasks.append(task)
        return task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, error: object, *_: object) -> None:
        try:
            if self._tasks and error is None:  # else whoever asked has given up: nothing is worth waiting for
                await asyncio.wait(self._tasks, timeout=self._timeout)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


def _done(task: asyncio.Task[T], otherwise: T) -> T:
    """What the part found, or `otherwise` when its time was up. A fault of ours is raised."""
    return otherwise if task.cancelled() else task.result()


def _sender(asked: Asked) -> str:
    """The domain that SPF is asked for; '' for one that nobody can be asked about."""
    return asked.reverse_path.domain if asked.reverse_path is not None else a_labels(asked.helo)


def _faults(author: str, signatures: tuple[Signature, ...], sender: Spf, judged: Dmarc, sealed: Arc) -> tuple[str, ...]:
    """What nobody answered, in words of two."""
    found = [f"dkim {one.domain}" for one in signatures if one.result is Result.TEMPERROR]
    found += [f"spf {sender.domain}"] * (sender.result is Result.TEMPERROR)
    found += [f"dmarc {author}"] * (judged.result is Result.TEMPERROR)
    found += [f"arc {sealed.sealer}"] * (sealed.result is Result.TEMPERROR)
    return tuple(dict.fromkeys(found))
