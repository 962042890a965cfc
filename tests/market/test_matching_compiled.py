"""What the kernel relies on in numba, of which `_nrt` is private: this fails before a new version can surprise us."""

import numba
import numpy as np
import pytest

from market import matching


def test_numba_is_the_version_whose_private_option_we_use():
    assert numba.__version__.split(".")[:2] == ["0", "68"]


@pytest.mark.parametrize("name", ["run", "rehash", "enter_ids", "find_order", "list_orders", "list_levels"])
def test_entry_points_count_no_references_and_are_cached(name):
    options = getattr(matching, name).targetoptions
    assert options["_nrt"] is False
    assert options["nopython"] is True
    assert getattr(matching, name)._cache.__class__.__name__ == "FunctionCache"


def test_the_option_still_takes_reference_counting_out_of_the_machine_code():
    def either(first, second, at):
        chosen = first if at > 0 else second
        return chosen[at]

    def machine_code(**options):
        compiled = numba.njit(**options)(either)
        compiled(np.zeros(2), np.ones(2), 1)
        return "".join(compiled.inspect_llvm().values())

    assert "NRT_decref" in machine_code()
    assert "NRT_decref" not in machine_code(_nrt=False)
