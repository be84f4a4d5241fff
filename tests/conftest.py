"""How hypothesis works in every test here."""

from __future__ import annotations

import os

from hypothesis import settings

CI = bool(os.environ.get("CI"))

# Examples write real tables, so one may take seconds. CI repeats the same ones; a laptop looks for new ones.
settings.register_profile("lakehouse", deadline=None, print_blob=True, derandomize=CI)
settings.load_profile("lakehouse")
