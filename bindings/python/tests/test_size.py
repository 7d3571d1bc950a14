"""What is installed is small."""

from pathlib import Path

import nanami._nanami


def test_the_native_half_is_smaller_than_eight_mebibytes() -> None:
    file = nanami._nanami.__file__
    assert file is not None and 0 < Path(file).stat().st_size < 8 * 2**20
