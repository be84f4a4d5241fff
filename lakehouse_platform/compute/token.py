"""The token of a job: the same for the same work, so that whoever asks again finds the job that is running."""

from __future__ import annotations

import base64
import hashlib
import json
from collections.abc import Iterable


def job_token(
    root_run: str, asset_key: str, days: Iterable[str], contract_fingerprint: str, bundle_fingerprint: str, generation: int
) -> str:
    """Token of the job that does a root run's work on some business days of an asset: 43 of A-Z a-z 0-9 - _.

    `generation` is the number of this work's jobs that have ended without success: each further job has a token of its own.
    """
    work = [root_run, asset_key, sorted(set(days)), contract_fingerprint, bundle_fingerprint, generation]
    digest = hashlib.sha256(json.dumps(work, separators=(",", ":")).encode()).digest()
    return base64.urlsafe_b64encode(digest).decode().rstrip("=")
