"""`ccei bargain`: one bargaining problem, described in a JSON file, and what its parties should agree on.

`solve_file` reads the file strictly (`document`), takes the kind that it names (`kinds`) and returns an `Answer`.
"""

from api.bargain.answer import Answer
from api.bargain.kind import SOLUTIONS, Asked
from api.bargain.kinds import KINDS, solve_file

__all__ = ["KINDS", "SOLUTIONS", "Answer", "Asked", "solve_file"]
