"""Entry point of a Hugging Face Space, and of ``python app.py``: serves the quiz page."""

from __future__ import annotations

import os
import sys
from functools import partial

from grader.errors import GraderError
from grader.grade import Grader
from grader.judge import choose_judge
from grader.tiers import TIERS
from grader.ui import serve, until_terminated


def main() -> int:
    """Serve on all addresses inside a Space, and only on this machine anywhere else."""
    host = os.environ.get("GRADER_HOST") or ("0.0.0.0" if os.environ.get("SPACE_ID") else "127.0.0.1")  # noqa: S104
    port = os.environ.get("GRADER_PORT") or "7860"
    if not (port.isascii() and port.isdecimal() and int(port) <= 65535):  # noqa: PLR2004 -- the highest port there is
        print(f"GRADER_PORT: {port!r} is not a port number", file=sys.stderr)  # noqa: T201
        return 2
    tier = os.environ.get("GRADER_TIER") or TIERS[0]
    if tier not in TIERS:
        print(f"GRADER_TIER: {tier!r} is none of {', '.join(TIERS)}", file=sys.stderr)  # noqa: T201
        return 2
    try:
        judge = choose_judge(
            os.environ.get("GRADER_JUDGE") or "none", model=os.environ.get("GRADER_JUDGE_MODEL") or None
        )
        with until_terminated():
            serve(
                host,
                int(port),
                open_grader=partial(Grader.open, tier=tier, judge=judge),
                mcp=os.environ.get("GRADER_API", "0") not in {"", "0"},
            )
    except GraderError as error:
        print(error, file=sys.stderr)  # noqa: T201
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main())
