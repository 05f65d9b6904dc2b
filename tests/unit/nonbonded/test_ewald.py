# SPDX-License-Identifier: MIT
"""Are the polynomials of the direct sum what they replace?"""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import erfc

from merrow.nonbonded.ewald import LARGEST_ERROR, correction_polynomials, fit_error
from merrow.system.pme import pme_parameters

CUTOFF = 0.8


@pytest.mark.parametrize("tolerance", [5e-4, 1e-4])
def test_one_over_r_and_the_polynomial_are_the_screened_term(tolerance):
    alpha = pme_parameters((2.2,) * 3, CUTOFF, tolerance).alpha
    force, energy = correction_polynomials(alpha, CUTOFF)
    r = np.linspace(0.02, CUTOFF, 200)
    u = 2 * (r / CUTOFF) ** 2 - 1
    value = np.polynomial.polynomial.polyval
    screened = erfc(alpha * r) / r
    bar = LARGEST_ERROR * 2 * alpha  # of the largest value of the correction
    np.testing.assert_allclose(1 / r + value(u, energy) / 2, screened, rtol=0, atol=bar)
    slope = (screened + 2 * alpha / np.sqrt(np.pi) * np.exp(-((alpha * r) ** 2))) / r**2
    bar = LARGEST_ERROR * alpha**3
    np.testing.assert_allclose(1 / r**3 + value(u, force) / 8, slope, rtol=1e-12, atol=bar)


def test_the_error_grows_with_the_coefficient_until_it_is_refused():
    errors = [fit_error(x / CUTOFF, CUTOFF) for x in (2.4, 2.6, 2.92, 3.5)]
    assert errors == sorted(errors)
    assert errors[2] < LARGEST_ERROR < errors[3]
