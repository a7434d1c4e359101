"""Gathering: all that a mail's origin can prove, asked for at once, under one deadline.

Decides nothing. What DNS does not answer in time is told as a fault, so that the decision can see whether it mattered;
each part that is ready counts, whatever became of the others. Long bodies are hashed in a thread, piece by piece, one
at a time, so that one large mail does not hold up the greetings of others.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Generator
from dataclasses import dataclass, replace
from datetime import datetime
from typing import Any, Self, TypeVar

from relay.mail import arc, authres, dkim, dmarc, spf
from relay.mail.address import Address
from relay.mail.canonical import Field, body_digest, split
from relay.mail.heading import LONGEST, Heading
from relay.mail.proof import Arc, Dmarc, Proof, Result, Said, Signature, Spf
from relay.mail.public_key import PublicKey, read_key
from relay.proof.resolver import Resolver

SIGNATURES = 5
"""Signatures of one message that are verified, those of the author's organisation first: each costs a question."""

SHORT = 32 * 1024
"""Octets of a body that are hashed at once; longer ones in a thread."""

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

    async def gather(self, asked: Asked, now: datetime) -> Proof:
        """Everything, or as much as there was time for. Raises nothing that a stranger or DNS can bring about."""
        fields, start = split(asked.content, LONGEST + 4)
        bodies = _Bodies(asked.content, start, self._large)
        claims = sorted(dkim.claims(fields), key=lambda each: not dmarc.aligned(each.domain, asked.author))[:SIGNATURES]
        chain = arc.chain(fields)
        async with _Parts(self._timeout) as parts:
            host = parts.add(self._resolver.host_name(asked.client))
            sending = parts.add(self._spf(asked))
            stated = parts.add(self._policy(asked.author))
            keys = {
                name: parts.add(self._key(name))
                for name in dict.fromkeys((*(each.key_name for each in claims), *(chain.key_names if chain else ())))
            }
            wanted = {each.relaxed_body for each in claims} | (
                {chain.sets[-1].message.relaxed_body} if chain and chain.sets else set()
            )
            hashes = {relaxed: parts.add(bodies.digest(relaxed=relaxed)) for relaxed in wanted}
        found = {name: _done(task, None) for name, task in keys.items()}
        digests = {relaxed: _done(task, None) for relaxed, task in hashes.items()}
        signatures = tuple(
            _signature(each, found[each.key_name], fields, digests[each.relaxed_body], now) for each in claims
        )
        sender = _done(sending, Spf(Result.TEMPERROR, _sender(asked)))
        at, policy, no_policy = _done(stated, ("", None, True))
        judged = dmarc.judge(asked.author, at, policy, signatures, sender) if asked.author else Dmarc()
        if no_policy and asked.author:
            judged = replace(judged, result=Result.TEMPERROR)
        sealed = Arc()
        if chain is not None:
            digest = digests.get(chain.sets[-1].message.relaxed_body) if chain.sets else None
            sealed = arc.judge(chain, found, fields, lambda _: digest or b"")
            if chain.sets and digest is None:
                sealed = Arc(Result.TEMPERROR, chain.sets[-1].seal.domain, len(chain.sets))
        return Proof(
            host=_done(host, ""),
            spf=sender,
            signatures=signatures,
            dmarc=judged,
            arc=sealed,
            said=said(fields, asked.authserv_id),
            faults=_faults(signatures, sender, judged, sealed),
        )

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
        if results is None or results.authserv_id.lower() != authserv_id.lower():
            continue
        return Said(results.authserv_id, results.passed())
    return Said()


class _Bodies:
    """The body's digests, made when they are asked for."""

    def __init__(self, content: bytes, start: int, large: asyncio.Semaphore) -> None:
        self._content = content
        self._start = start
        self._large = large

    async def digest(self, *, relaxed: bool) -> bytes:
        if len(self._content) - self._start <= SHORT:
            return body_digest(self._content, self._start, relaxed=relaxed)
        async with self._large:
            return await asyncio.to_thread(body_digest, self._content, self._start, relaxed=relaxed)


class _Parts:
    """Tasks that share one deadline: at the end each is done, or was cancelled."""

    def __init__(self, timeout: float) -> None:
        self._timeout = timeout
        self._tasks: list[asyncio.Task[Any]] = []

    def add(self, part: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        task = asyncio.get_running_loop().create_task(part)
        self._tasks.append(task)
        return task

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        try:
            await asyncio.wait(self._tasks, timeout=self._timeout)
        finally:
            for task in self._tasks:
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)


def _done(task: asyncio.Task[T], otherwise: T) -> T:
    """What the part found, or `otherwise` when its time was up. A fault of ours is raised."""
    return otherwise if task.cancelled() else task.result()


def _sender(asked: Asked) -> str:
    """The domain that SPF is asked for."""
    return asked.reverse_path.domain if asked.reverse_path is not None else asked.helo


def _signature(
    claim: dkim.Claim, key: PublicKey | None, fields: tuple[Field, ...], digest: bytes | None, now: datetime
) -> Signature:
    if key is None or digest is None:
        return dkim.unanswered(claim, Result.TEMPERROR, "no-answer")
    return dkim.judge(claim, key, fields, lambda _: digest, now)


def _faults(signatures: tuple[Signature, ...], sender: Spf, author: Dmarc, sealed: Arc) -> tuple[str, ...]:
    """What nobody answered, in words of two."""
    found = [f"dkim {one.domain}" for one in signatures if one.result is Result.TEMPERROR]
    found += [f"spf {sender.domain}"] * (sender.result is Result.TEMPERROR)
    found += ["dmarc"] * (author.result is Result.TEMPERROR)
    found += [f"arc {sealed.sealer}"] * (sealed.result is Result.TEMPERROR)
    return tuple(dict.fromkeys(found))
