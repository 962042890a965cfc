"""The step that a member takes again and again: its best exchange near a given one, by OSQP, warm-started."""

import numpy as np
import osqp
from numpy.typing import NDArray
from scipy import sparse

from pricing.coalition.local_problem import LocalProblem
from pricing.coalition.quadratic_program import solve_quadratic

Floats = NDArray[np.float64]

EXCHANGE_TINY = 1e-9
"""How near to zero counts as zero, in unit·hours: the absolute accuracy beside the relative one."""

_SETTINGS = {
    "verbose": False,
    "check_termination": 10,
    "max_iter": 2000,
    # OSQP's own step size follows the iterations, never the clock: the same messages give the same bits anywhere
    "adaptive_rho": 1,
    "adaptive_rho_interval": 50,
}


class ProximalStep:
    """argmin f(x) + Σ ρ/2 (e − v)² over x ∈ X, for many v and a few ρ.

    OSQP (Stellato et al. 2020) keeps its factorisation while ρ stays and starts from its last answer. Where it stops
    short, CLARABEL solves that one step.
    """

    def __init__(self, name: str, problem: LocalProblem) -> None:
        self._name = name
        self._problem = problem
        self._solver = osqp.OSQP()
        self._penalty: Floats | None = None
        self._linear = problem.q.copy()
        size = len(problem.q)
        ones = np.zeros(size)
        ones[problem.exchange] = 1.0
        # a stored diagonal entry for each e, the last of its column in an upper triangle
        self._quadratic = sparse.csc_matrix(sparse.triu(problem.P + sparse.diags_array(ones)))
        self._quadratic.sort_indices()
        self._diagonal = self._quadratic.indptr[problem.exchange + 1] - 1
        self._own = self._quadratic.data[self._diagonal] - 1.0

    def nearest(self, wanted: Floats, penalty: Floats, accuracy: float) -> Floats:
        """Return e for v = `wanted`, ρ = `penalty`, to an `accuracy` relative to the member's own quantities.

        Raises:
            Infeasible: if the member's limits contradict each other.
            Unbounded: if its cost falls for ever.
            NotConverged: if neither solver reached its tolerance.
        """
        problem = self._problem
        self._linear[problem.exchange] = problem.q[problem.exchange] - penalty * wanted
        tolerances = {"eps_abs": EXCHANGE_TINY, "eps_rel": accuracy}
        if self._penalty is None:
            self._quadratic.data[self._diagonal] = self._own + penalty
            A = sparse.csc_matrix(problem.A)
            self._solver.setup(
                self._quadratic, self._linear, A, problem.l, problem.u, **_SETTINGS, **tolerances
            )
        else:
            if np.any(self._penalty != penalty):
                self._quadratic.data[self._diagonal] = self._own + penalty
                self._solver.update(Px=self._quadratic.data)
            self._solver.update(q=self._linear)
            self._solver.update_settings(**tolerances)
        self._penalty = penalty
        found = self._solver.solve(raise_error=False)
        if found.info.status_val == osqp.SolverStatus.OSQP_SOLVED:
            return np.asarray(found.x)[problem.exchange]
        x = solve_quadratic(
            self._name, sparse.csc_array(self._quadratic), self._linear, problem.A, problem.l, problem.u
        ).x
        self._solver.warm_start(x=x)
        return x[problem.exchange]
