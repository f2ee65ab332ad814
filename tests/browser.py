"""Chromium without a window, for tests of what browsers show; they are skipped where it is not."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Page

CHROMIUM = shutil.which("chromium")
needs_chromium = pytest.mark.skipif(CHROMIUM is None, reason="Chromium is not installed")
_OPTIONS = ["--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]


def script(path: str) -> Path:
    """A file of an npm package; a test that needs it is skipped where it is not installed."""
    file = Path(os.environ.get("RESNET_DSL_NPM", "node_modules")) / path
    if not file.is_file():
        pytest.skip(f"{path} is not installed: npm install, and RESNET_DSL_NPM names node_modules")
    return file


@contextmanager
def browser_page(**options: Any) -> Iterator[Page]:
    """A page that is open for a test. Requests to the network fail it."""
    from playwright.sync_api import sync_playwright

    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=CHROMIUM, args=_OPTIONS)
        page = browser.new_context(bypass_csp=True, **options).new_page()
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.url))
        yield page
        assert not [url for url in asked if url.startswith(("http", "ws"))]
        browser.close()
