"""Settings of the service, read from the environment (prefix CCEI_) when the app is built, and nowhere else."""

import os
from difflib import get_close_matches
from pathlib import Path
from typing import Annotated, Final

from pydantic import Field, SecretStr, ValidationError, model_validator
from pydantic_settings import BaseSettings, SettingsConfigDict

from market.units import Malformed

PREFIX: Final = "CCEI_"


def explain(error: ValidationError) -> str:
    """Say which settings do not fit, by the names of their environment variables."""
    told = []
    for item in error.errors():
        said = item["msg"].removeprefix("Value error, ")
        if item["loc"]:
            name = f"{PREFIX}{item['loc'][0]}".upper()
            said = f"{name}: found {item['input']!r}, expected {said.removeprefix('Input should be ')}"
        told.append(said)
    return "; ".join(told)


class Settings(BaseSettings):
    """What an operator can set. Secrets have no default: without one, what needs it is off."""

    model_config = SettingsConfigDict(env_prefix=PREFIX, env_ignore_empty=True, extra="ignore")

    database_url: str = Field(
        "sqlite:///ccei.db",
        description="Where the record and the readable tables live: sqlite:///… or postgresql://….",
    )
    chain: str = Field(
        "auto", description="auto, tester, anvil, ganache, or the http(s) address of an EVM node."
    )
    chain_id: int | None = Field(None, description="The chain id to insist on.")
    deployment: Path | None = Field(
        None, description="File of `ccei deploy`: a new record settles there instead of on new contracts."
    )
    operator_key: SecretStr | None = Field(
        None, description="Private key (0x…) that signs settlement on a chain given by address."
    )
    operator_token: SecretStr | None = Field(
        None, description="Bearer token of operator routes (meters, faucet). Without it they answer 403."
    )
    login_secret: SecretStr | None = Field(
        None,
        description="Signs login tokens. Without it a random one is made at start: logins end at a restart.",
    )
    catalogue: Path | None = Field(
        None, description="TOML file of the products to list; the built-in one if empty."
    )
    host: str = Field("127.0.0.1", description="Address to listen on.")
    port: Annotated[int, Field(ge=1, le=65535, description="Port to listen on.")] = 8000
    queue_limit: Annotated[
        int, Field(ge=1, description="Commands that may wait; beyond it, 503 with Retry-After.")
    ] = 10_000
    batch_limit: Annotated[int, Field(ge=1, description="Commands taken as one batch at most.")] = 1_000
    lag_limit: Annotated[
        int, Field(ge=1, description="Batches by which the readable tables may be behind the record.")
    ] = 16
    snapshot_events: Annotated[
        int, Field(ge=1, description="Events after which the memory is kept, for a quick restart.")
    ] = 25_000
    horizon_hours: Annotated[int, Field(ge=1, le=168, description="Delivery hours listed ahead.")] = 24
    fee_bps: Annotated[
        int, Field(ge=0, le=1000, description="Venue fee on delivered value, basis points.")
    ] = 10
    notice_period_s: Annotated[int, Field(ge=1, description="Notice for exits and cancels on chain, s.")] = (
        3_600
    )
    gate_closure_lead_s: Annotated[
        int, Field(ge=1, description="Gate closes this long before delivery, s.")
    ] = 900
    reading_window_s: Annotated[
        int, Field(ge=1, description="Meters may report this long after a slot, s.")
    ] = 3_600
    challenge_window_s: Annotated[
        int, Field(ge=1, description="A guarantee waits this long before it pays, s.")
    ] = 1_800
    confirmations: Annotated[int, Field(ge=0, description="Blocks on top before a chain event counts.")] = 0
    settlement_latency_s: Annotated[
        int, Field(ge=1, description="Longest that locking a slot may take, s.")
    ] = 300
    block_time_s: Annotated[int, Field(ge=1, description="Longest usual time between blocks, s.")] = 12

    @model_validator(mode="after")
    def _names_are_known(self) -> "Settings":
        """Refuse a variable whose name is misspelt: the setting that was meant would stay at its default."""
        known = [f"{PREFIX}{field}".upper() for field in type(self).model_fields]
        for name in sorted(os.environ):
            if name.upper().startswith(PREFIX) and name.upper() not in known:
                close = get_close_matches(name.upper(), known, n=1, cutoff=0.8)
                hint = f" Is {close[0]} meant?" if close else ""
                raise Malformed(
                    f"{name}: found in the environment, expected a setting of docs/reference/settings.md.{hint}"
                )
        return self

    @model_validator(mode="after")
    def _times_fit(self) -> "Settings":
        self.expect_time_to_lock("gate_closure_lead_s", self.gate_closure_lead_s)
        return self

    def expect_time_to_lock(self, name: str, limit_s: int) -> None:
        """Require that a trade can be locked for good within a time: the gate's lead, or a contract's notice period.

        Raises:
            Malformed: if it may take longer.
        """
        needed_s = self.confirmations * self.block_time_s + self.settlement_latency_s
        if needed_s > limit_s:
            raise Malformed(
                f"confirmations x block_time_s + settlement_latency_s is {needed_s} s, expected at most "
                f"{name} = {limit_s} s: trades could not be locked in time"
            )
