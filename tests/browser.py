"""Headless Chromium for tests and pictures: Debian's ``chromium`` and ``chromium-driver``, driven by selenium."""

from __future__ import annotations

import contextlib
import os
import shutil
import tempfile
from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from selenium.webdriver import Chrome

REQUIRED = "RETABLE_BROWSER"
"""Set to ``required`` where a missing browser is a failure and no reason to skip: CI does."""
MISSING = "chromium and chromedriver are needed; on Debian: apt-get install chromium chromium-driver"


@contextlib.contextmanager
def chromium(width: int = 1600, height: int = 1000, *, dark: bool = False) -> Iterator[Chrome]:
    """A browser with a user profile of its own, whose console is kept.

    Args:
        width: of the page in CSS pixels, down to a phone's 360: the viewport itself, not the window around it.
        height: likewise.
        dark: whether it says that its user prefers dark pages.

    Raises:
        RuntimeError: Chromium or its driver is not installed.
    """
    from selenium import webdriver

    program, driver = shutil.which("chromium"), shutil.which("chromedriver")
    if program is None or driver is None:
        raise RuntimeError(MISSING)
    with tempfile.TemporaryDirectory(prefix="browser-", ignore_cleanup_errors=True) as profile:
        options = webdriver.ChromeOptions()
        options.binary_location = program
        flags = ["--headless=new", "--no-sandbox", "--disable-gpu", "--no-first-run", "--disable-background-networking"]
        flags += ["--disable-component-update", "--disable-sync", "--disable-dev-shm-usage", "--hide-scrollbars"]
        # A page that still glides to where it was told to go moves away below the pointer.
        flags += ["--force-prefers-reduced-motion"]
        for flag in [*flags, f"--user-data-dir={profile}", f"--window-size={width},{height}"]:
            options.add_argument(flag)
        options.set_capability("goog:loggingPrefs", {"browser": "ALL"})
        browser = webdriver.Chrome(options=options, service=webdriver.ChromeService(driver))
        try:
            # A window is never narrower than some 500 pixels; a viewport may be.
            size = {"width": width, "height": height, "deviceScaleFactor": 1, "mobile": False}
            browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)
            if dark:
                prefers = {"features": [{"name": "prefers-color-scheme", "value": "dark"}]}
                browser.execute_cdp_cmd("Emulation.setEmulatedMedia", prefers)
            yield browser
        finally:
            browser.quit()


def console_errors(browser: Chrome) -> list[str]:
    """What pages complained about on the console since the last call."""
    return [entry["message"] for entry in browser.get_log("browser") if entry["level"] == "SEVERE"]


def browser_or_skip() -> None:
    """Skip the test where there is no browser, unless one is required."""
    if shutil.which("chromium") is None or shutil.which("chromedriver") is None:
        if os.environ.get(REQUIRED) == "required":
            pytest.fail(MISSING)
        pytest.skip(MISSING)
