"""Who is asking: signatures on orders, cancels and logins; bearer tokens for reading one's own balances."""

import hashlib
import heapq
import hmac
import secrets
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field

from api.problem import Problem
from api.sequencer import QueueFull
from contracts.agreement import LongTermTerms, agreement_digest
from contracts.signing import (
    BadSignature,
    Domain,
    cancel_digest,
    dead_man_timer_digest,
    login_digest,
    mass_cancel_digest,
    order_digest,
    proposal_digest,
    reading_digest,
    recover,
    seal_digest,
)
from market.orders import Address, CancelOrder, Command, MassCancel, OrderTerms, SetDeadManTimer
from market.proposals import RequestNegotiation, SealReservation, SignAgreement
from market.settlement import SubmitReading
from market.units import Malformed

_HEX_DIGITS = frozenset("0123456789abcdefABCDEF")  # bytes.fromhex takes blanks between them too
LOGIN_HOURS_MAX = 24
DEADLINE_MAX_S = 300
"""How far ahead the deadline of a request that counts once may be: until then it is remembered."""


def _require(digest: bytes, signature: bytes, signer: Address, what: str) -> None:
    try:
        found = recover(digest, signature)
    except BadSignature as error:
        raise Problem(401, "signature_invalid", f"{what}: {error}") from None
    if found != signer:
        raise Problem(
            401,
            "signature_invalid",
            f"{what}: signed by 0x{found.hex()}, expected 0x{signer.hex()} (check chain id and contract address)",
        )


@dataclass(frozen=True, slots=True)
class Door:
    """Checks signatures for one chain and contract, and logins with one secret."""

    domain: Domain
    login_secret: bytes
    operator_token: str | None
    _seen: set[bytes] = field(default_factory=set, init=False, repr=False)
    _forget: list[tuple[int, bytes]] = field(default_factory=list, init=False, repr=False)

    @classmethod
    def build(cls, domain: Domain, *, login_secret: str | None, operator_token: str | None) -> "Door":
        """Make a door; without a login secret a random one serves until the process ends."""
        secret = login_secret.encode() if login_secret else secrets.token_bytes(32)
        return cls(domain, secret, operator_token)

    def check_order(self, terms: OrderTerms, signature: bytes) -> None:
        """Require that the participant signed the terms (EIP-712).

        Raises:
            Problem: 401 if somebody else did, or nobody.
        """
        _require(order_digest(terms, self.domain), signature, terms.participant, "order")

    def check_reading(self, reading: SubmitReading) -> None:
        """Require that the meter signed the reading."""
        digest = reading_digest(
            meter=reading.meter,
            start_hour=reading.start_hour,
            units_lots=reading.delivered_lots,
            domain=self.domain,
        )
        _require(digest, reading.signature, reading.meter, "reading")

    def check_cancel(self, command: CancelOrder, *, now_s: int) -> None:
        """Require that the participant signed this cancel, and that it is still meant."""
        if command.deadline_s < now_s:
            detail = f"cancel: deadline {command.deadline_s}, but it is {now_s}"
            raise Problem(401, "signature_expired", detail)
        digest = cancel_digest(
            participant=command.participant,
            order_id=command.order_id,
            deadline_s=command.deadline_s,
            domain=self.domain,
        )
        _require(digest, command.signature, command.participant, "cancel")

    @contextmanager
    def once(self, command: MassCancel | SetDeadManTimer, *, now_s: int) -> Iterator[None]:
        """Require that the participant signed this request, that it is still meant, and that it did not come before.

        Taking it a second time would do something else: cancel orders placed since, or wind up a timer that was disarmed.
        One that the full queue sends away within the context did not come: it may come again.

        Raises:
            Problem: 401 if the signature is not the participant's, the deadline is past or too far, or it came before.
        """
        deadline_s = command.deadline_s
        if deadline_s < now_s:
            raise Problem(401, "signature_expired", f"deadline: found {deadline_s}, but it is {now_s}")
        if deadline_s > now_s + DEADLINE_MAX_S:
            detail = f"deadline: found {deadline_s}, expected at most {DEADLINE_MAX_S} s after {now_s}"
            raise Problem(401, "deadline_too_far", detail)
        digest = self._digest_of(command)
        _require(digest, command.signature, command.participant, type(command).__name__)
        while self._forget and self._forget[0][0] < now_s:
            self._seen.discard(heapq.heappop(self._forget)[1])
        if digest in self._seen:
            detail = (
                f"nonce: found {command.nonce} under the same request again, expected one never used before"
            )
            raise Problem(401, "signature_used", detail)
        self._note(digest, deadline_s)
        try:
            yield
        except QueueFull:
            self._seen.discard(digest)
            raise

    def remember(self, commands: Iterable[Command], *, now_s: int) -> None:
        """Know again which requests an earlier process took in: `commands` are those of the last `DEADLINE_MAX_S` seconds.

        What was taken in is in the record, answered or not. What is not there did nothing, and may come again.
        """
        for command in commands:
            if isinstance(command, MassCancel | SetDeadManTimer) and command.deadline_s >= now_s:
                self._note(self._digest_of(command), command.deadline_s)

    def _note(self, digest: bytes, deadline_s: int) -> None:
        self._seen.add(digest)
        heapq.heappush(self._forget, (deadline_s, digest))

    def _digest_of(self, command: MassCancel | SetDeadManTimer) -> bytes:
        nonce, deadline_s = command.nonce, command.deadline_s
        if isinstance(command, MassCancel):
            return mass_cancel_digest(command, nonce=nonce, deadline_s=deadline_s, domain=self.domain)
        return dead_man_timer_digest(command, nonce=nonce, deadline_s=deadline_s, domain=self.domain)

    def check_proposal(self, request: RequestNegotiation) -> None:
        """Require that the participant signed this request to negotiate."""
        _require(proposal_digest(request, self.domain), request.signature, request.participant, "proposal")

    def check_seal(self, request: SealReservation) -> None:
        """Require that the participant signed this seal."""
        _require(seal_digest(request, self.domain), request.signature, request.participant, "seal")

    def check_agreement(self, terms: LongTermTerms, request: SignAgreement) -> None:
        """Require that the participant signed these terms."""
        digest = agreement_digest(terms, self.domain)
        _require(digest, request.signature, request.participant, "agreement")

    def login(self, participant: Address, *, expires_s: int, now_s: int, signature: bytes) -> str:
        """Return a bearer token for a signed login.

        Raises:
            Problem: 401 if the signature is not the participant's, or the time is past or too far.
        """
        if not now_s < expires_s <= now_s + LOGIN_HOURS_MAX * 3600:
            raise Problem(
                401,
                "login_time_invalid",
                f"expires: found {expires_s}, expected at most {LOGIN_HOURS_MAX} h after {now_s}",
            )
        _require(
            login_digest(participant=participant, expires_s=expires_s, domain=self.domain),
            signature,
            participant,
            "login",
        )
        claim = f"{participant.hex()}.{expires_s}"
        return f"{claim}.{self._seal(claim)}"

    def participant_of(self, authorization: str | None, now_s: int) -> Address:
        """Return who a bearer token belongs to.

        Raises:
            Problem: 401 if it is missing, forged or expired.
        """
        scheme, _, token = (authorization or "").partition(" ")
        claim, _, seal = token.rpartition(".")
        address, _, expires = claim.partition(".")
        if scheme.lower() != "bearer" or not hmac.compare_digest(seal.encode(), self._seal(claim).encode()):
            raise Problem(
                401,
                "login_required",
                "expected `Authorization: Bearer …` from POST /v1/login",
                {"WWW-Authenticate": "Bearer"},
            )
        if int(expires) < now_s:
            raise Problem(
                401, "login_expired", f"the login ended at {expires}", {"WWW-Authenticate": "Bearer"}
            )
        return Address(bytes.fromhex(address))

    def check_operator(self, authorization: str | None) -> None:
        """Require the operator's bearer token.

        Raises:
            Problem: 403 if none is set, 401 if it differs.
        """
        if self.operator_token is None:
            raise Problem(403, "operator_routes_off", "set CCEI_OPERATOR_TOKEN to use operator routes")
        if not hmac.compare_digest((authorization or "").encode(), f"Bearer {self.operator_token}".encode()):
            raise Problem(401, "operator_only", "expected the operator's bearer token")

    def _seal(self, claim: str) -> str:
        return hmac.new(self.login_secret, claim.encode(), hashlib.sha256).hexdigest()


def parse_hex(text: str, *, length: int, what: str) -> bytes:
    """Read `length` bytes from 0x-hex.

    Raises:
        Malformed: if the text is anything else.
    """
    digits = text.removeprefix("0x")
    if digits == text or len(digits) != 2 * length or not _HEX_DIGITS.issuperset(digits):
        raise Malformed(f"{what}: found {text[:90]!r}, expected 0x and {2 * length} hex digits")
    return bytes.fromhex(digits)


def parse_address(text: str, *, what: str = "participant") -> Address:
    """Read an Ethereum address (checksums are not insisted on)."""
    return Address(parse_hex(text, length=20, what=what))
