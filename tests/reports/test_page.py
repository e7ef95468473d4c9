"""The page in a browser: readable on a phone and on paper, sorted and enlarged by keyboard, and complete by itself."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import pytest

from tests.browser import browser_or_skip, chromium, console_errors

if TYPE_CHECKING:
    from selenium.webdriver import Chrome


@pytest.fixture(scope="module")
def browser(whole_page: str, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Chrome]:
    """One browser with the page open, as wide as a phone."""
    browser_or_skip()
    path = tmp_path_factory.mktemp("browser") / "index.html"
    path.write_text(whole_page, encoding="utf-8")
    with chromium(360, 800) as browser:
        browser.get(path.as_uri())
        yield browser


def set_width(browser: Chrome, width: int) -> None:
    size = {"width": width, "height": 900, "deviceScaleFactor": 1, "mobile": False}
    browser.execute_cdp_cmd("Emulation.setDeviceMetricsOverride", size)


def set_media(browser: Chrome, media: str = "", scheme: str = "light") -> None:
    features = [{"name": "prefers-color-scheme", "value": scheme}]
    browser.execute_cdp_cmd("Emulation.setEmulatedMedia", {"media": media, "features": features})


@pytest.mark.parametrize("width", [360, 800, 1600])
def test_the_page_never_scrolls_sideways(browser: Chrome, width: int) -> None:
    set_width(browser, width)
    assert browser.execute_script("return document.documentElement.scrollWidth") == width


def test_the_page_shows_its_pictures_loads_nothing_and_complains_of_nothing(browser: Chrome) -> None:
    loaded = "return performance.getEntriesByType('resource').map(e => e.name).filter(n => !n.startsWith('data:'))"
    assert browser.execute_script(loaded) == []
    widths = browser.execute_script("return [...document.images].map((i) => i.naturalWidth)")
    assert len(widths) > 20
    assert all(widths)
    assert console_errors(browser) == []


def test_the_page_glides_to_its_anchors_only_for_those_who_like_motion(browser: Chrome) -> None:
    behavior = "return getComputedStyle(document.documentElement).scrollBehavior"
    assert browser.execute_script(behavior) == "auto"
    browser.execute_cdp_cmd(
        "Emulation.setEmulatedMedia", {"features": [{"name": "prefers-reduced-motion", "value": "no-preference"}]}
    )
    assert browser.execute_script(behavior) == "smooth"
    set_media(browser)
    assert browser.execute_script(behavior) == "auto"


COLUMN = """
    const [table, at] = arguments;
    return [...table.tBodies[0].rows].map((r) => {
        const cell = r.cells[at];
        return cell.dataset.value === undefined ? cell.textContent.trim() : cell.dataset.value;
    });
"""


def values(column: list[str]) -> list[float | None]:
    return [float(value) if value else None for value in column]


@pytest.mark.parametrize("key", ["click", "Enter", "Space"])
def test_tables_sort_numbers_as_numbers_with_what_is_missing_last(browser: Chrome, key: str) -> None:
    from selenium.webdriver.common.keys import Keys

    set_width(browser, 1600)
    table = browser.find_element("css selector", "#table-dtn-table-1 table")
    head = table.find_elements("css selector", "thead tr:last-child th")[1]
    at = browser.execute_script("return arguments[0].cellIndex", head)
    button = head.find_element("css selector", "button")
    before = browser.execute_script(COLUMN, table, at)
    assert "" in before
    numbers = sorted(value for value in values(before) if value is not None)
    missing = [None] * before.count("")
    for order, wanted_values in (("descending", numbers[::-1] + missing), ("ascending", numbers + missing)):
        if key == "click":
            browser.execute_script("arguments[0].click()", button)
        else:
            button.send_keys(Keys.ENTER if key == "Enter" else Keys.SPACE)
        assert head.get_attribute("aria-sort") == order
        assert values(browser.execute_script(COLUMN, table, at)) == wanted_values
    browser.execute_script("arguments[0].click()", button)
    assert head.get_attribute("aria-sort") is None
    assert browser.execute_script(COLUMN, table, at) == before


def test_every_heading_that_sorts_is_reached_by_tab_and_orders_its_column(browser: Chrome) -> None:
    found = browser.execute_script("""
        const wrong = [];
        let pressed = 0;
        for (const button of document.querySelectorAll("button.sort")) {
            const th = button.closest("th"), table = th.closest("table");
            const read = () => [...table.tBodies[0].rows].map((r) => r.cells[th.cellIndex]);
            const original = read();
            for (let times = 0; times < 2; times++) {
                button.click();
                pressed++;
                const sign = th.getAttribute("aria-sort") === "ascending" ? 1 : -1;
                const numbers = read().map((c) => c.dataset.value).filter((v) => v).map(Number);
                if (numbers.some((n, i) => i && sign * (n - numbers[i - 1]) < 0)) wrong.push(th.textContent.trim());
            }
            button.click();
            if (button.tabIndex !== 0 || read().some((c, i) => c !== original[i])) wrong.push(th.textContent.trim());
        }
        return { wrong, pressed };
    """)
    assert found["pressed"] > 200
    assert found["wrong"] == []


def test_verdicts_are_filtered_on_screen_and_whole_on_paper(browser: Chrome) -> None:
    set_width(browser, 1600)
    shown = (
        "return [...document.querySelectorAll('#verdicts tbody tr')]"
        ".filter((r) => r.getClientRects().length).map((r) => r.querySelector('.verdict').textContent)"
    )
    everything = browser.execute_script(shown)
    assert {"reproduced", "not reproduced", "undecided", "not testable"} == set(everything)
    for button in browser.find_elements("css selector", ".filter button[data-show]:not([data-show=''])"):
        word = button.get_attribute("data-show")
        button.send_keys(" ")
        assert browser.execute_script(shown) == [one for one in everything if one.replace(" ", "-") == word]
        assert button.get_attribute("aria-pressed") == "true"
    set_media(browser, "print")
    assert browser.execute_script(shown) == everything
    set_media(browser)
    browser.find_element("css selector", ".filter button").click()
    assert browser.execute_script(shown) == everything


@pytest.mark.parametrize("width", [360, 1600])
def test_pictures_enlarge_by_keyboard_and_give_the_focus_back(browser: Chrome, width: int) -> None:
    from selenium.webdriver.common.action_chains import ActionChains
    from selenium.webdriver.common.keys import Keys

    set_width(browser, width)
    button = browser.find_element("css selector", ".side-by-side button.zoom")
    before = button.size["width"]
    button.send_keys(Keys.ENTER)
    viewer = browser.find_element("id", "viewer")
    assert viewer.get_attribute("open")
    assert viewer.find_element("css selector", ".stage img").size["width"] > before
    assert all(image.get_attribute("alt") for image in viewer.find_elements("css selector", "img"))
    assert browser.execute_script("return document.documentElement.scrollWidth") == width
    ActionChains(browser).send_keys(Keys.ESCAPE).perform()
    assert not viewer.get_attribute("open")
    assert browser.execute_script("return document.activeElement === arguments[0]", button)


def test_a_dark_page_is_dark_and_paper_is_always_light(browser: Chrome) -> None:
    background = "return getComputedStyle(document.body).backgroundColor"
    light = browser.execute_script(background)
    set_media(browser, scheme="dark")
    dark = browser.execute_script(background)
    set_media(browser, "print", scheme="dark")
    paper = browser.execute_script(background)
    set_media(browser)
    assert dark != light
    assert paper == "rgb(255, 255, 255)"


@pytest.mark.parametrize(("width", "which"), [(702, ".card:not(.wide)"), (1031, ".card.wide")])
def test_print_cuts_no_table_and_leaves_nothing_folded(browser: Chrome, width: int, which: str) -> None:
    """Widths: A4 upright and on its side, without margins, in CSS pixels."""
    set_width(browser, width)
    set_media(browser, "print")
    found = browser.execute_script(
        """
        const tables = [...document.querySelectorAll(arguments[0] + " table")];
        const folded = [...document.querySelectorAll("details > :not(summary)")];
        const cut = tables.filter((t) => t.getBoundingClientRect().right > innerWidth + 1);
        return { tables: tables.length, cut: cut.length,
                 folded: folded.length, hidden: folded.filter((e) => !e.checkVisibility()).length,
                 nav: document.querySelector("nav").checkVisibility() };
        """,
        which,
    )
    set_media(browser)
    assert found["tables"] > 0
    assert found["folded"] > 0
    assert (found["cut"], found["hidden"], found["nav"]) == (0, 0, False)
