"""What fails between a settler and its node: the process ends before an operation, an answer is lost after a request.

Everything the settler does is a request to the node or a commit to the database: these are the operations.
"""

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from contracts.chain import Chain, NodeSilent
from contracts.json_rpc import Ask, Node


class Killed(BaseException):
    """The process ended here."""


@dataclass
class Faults:
    """When the process is killed and when an answer is lost, in operations from now.

    `kill_again_in` is for the start after that: in how many operations it is killed, too. `struck` counts what happened.
    """

    kill_in: int = 0
    kill_again_in: int = 0
    lose_in: int = 0
    struck: Counter[str] = field(default_factory=Counter)

    def before(self) -> None:
        """Count an operation that is about to happen."""
        if self.kill_in:
            self.kill_in -= 1
            if not self.kill_in:
                self.struck["crash"] += 1
                raise Killed

    def after(self) -> None:
        """Count a request that the node has carried out."""
        if self.lose_in:
            self.lose_in -= 1
            if not self.lose_in:
                self.struck["time-out"] += 1
                raise NodeSilent("the answer was lost")

    def end(self) -> None:
        """Let what has not struck yet never strike."""
        self.kill_in = self.kill_again_in = self.lose_in = 0


class FaultyNode:
    """A node whose requests count as operations: one for each round trip."""

    def __init__(self, node: Node, faults: Faults) -> None:
        self._node = node
        self._faults = faults

    def ask(self, method: str, *parameters: Any) -> Any:
        """Ask, if nothing strikes before, and answer, if nothing strikes after."""
        self._faults.before()
        answer = self._node.ask(method, *parameters)
        self._faults.after()
        return answer

    def ask_all(self, asks: Sequence[Ask]) -> list[Any]:
        """Do the same with several requests."""
        self._faults.before()
        answers = self._node.ask_all(asks)
        self._faults.after()
        return answers


def faulty(chain: Chain, faults: Faults) -> Chain:
    """Return the same chain, with faults."""
    return replace(chain, node=FaultyNode(chain.node, faults))
