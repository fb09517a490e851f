import numpy as np
from lc_core.testing import check_constraint

from lc_no_repeats import no_repeats


def test_it_keeps_what_a_measurement_promises():
    check_constraint(no_repeats)


def test_holds_and_rests_between_two_notes_make_no_difference():
    melodies = np.array(
        [
            [60, 128, 62, 129, 60, 128],  # 60 62 60: both neighbours differ
            [60, 128, 129, 60, 62, 62],  # 60 60 62 62: one of three differs
            [128, 60, 128, 129, 128, 128],  # a single note
        ]
    )
    np.testing.assert_allclose(no_repeats(melodies), [1, 1 / 3, np.nan])
