"""Take ``docs/screenshot.png`` from the running page: ``python docs/take_screenshot.py [URL]``."""

# ruff: noqa: INP001 -- a script beside the picture it takes

from __future__ import annotations

import os
import shutil
import sys
from pathlib import Path

from playwright.sync_api import sync_playwright

ANSWER = (
    "No, because online softmax rescales the earlier partial sums whenever the maximum grows, "
    "so the result is exactly the same as standard attention."
)


def take(url: str, out: Path) -> None:
    """Answer the first free question as a new learner and save what the page shows.

    Args:
        url: Address of the page.
        out: PNG to write, 1280 by 900 pixels.
    """
    flags = ["--headless", "--disable-gpu", *(["--no-sandbox"] if os.geteuid() == 0 else [])]
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=flags)
        page = browser.new_page(viewport={"width": 1280, "height": 900}, locale="en-GB", reduced_motion="reduce")
        page.goto(url)
        page.wait_for_selector("#question-title")
        page.wait_for_timeout(500)
        page.locator("#answer-text textarea").fill(ANSWER)
        page.locator("#submit").click()
        page.wait_for_selector("#outcome .badge", timeout=120_000)
        page.wait_for_timeout(500)
        page.evaluate("scrollTo(0, 0)")
        page.screenshot(path=out)
        browser.close()


take(sys.argv[1] if len(sys.argv) > 1 else "http://127.0.0.1:7860", Path(__file__).with_name("screenshot.png"))
