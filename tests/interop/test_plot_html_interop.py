"""The interactive page in a real headless browser, opened from disk with the network cut off."""

import base64
import json
import time
import unicodedata

import numpy as np
import pytest

from embedkit.plotting.page import write_page
from embedkit.plotting.projection import project
from embedkit.plotting.selection import select
from embedkit.query.keyed_vectors import KeyedVectors
from tests.interop.webdriver import Browser, find_browser

pytestmark = pytest.mark.skipif(
    None in find_browser(), reason="no Chromium with chromedriver: apt-get install chromium chromium-driver"
)
NASTY = ["</script><script>window.broken=1</script>", "<img src=x onerror=window.broken=2>", "a&amp;b", "'\"`${1}"]
WORDS = ["king", "queen", "서울", "한국", "도쿄", "naïve", *NASTY]


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@pytest.fixture(scope="module")
def model():
    return KeyedVectors(WORDS, np.random.default_rng(4).normal(size=(len(WORDS), 8)).astype(np.float32))


@pytest.fixture(scope="module")
def address(model, tmp_path_factory):
    path = tmp_path_factory.mktemp("page") / "words.html"
    chosen = select(model, most_frequent=100)
    write_page(chosen, project(chosen.vectors)[0], path, title="<i>T</i> & 제목", subtitle="some words")
    return path.as_uri()


@pytest.fixture
def page(browser, address):
    browser.open("about:blank")
    browser.messages()
    browser.open(address)
    return browser


def heading(page):
    return page.run("return document.querySelector('#details h2')?.textContent ?? null")


def listed(page, where):
    return page.run(
        "return [...document.querySelectorAll(arguments[0] + ' li span:first-child')].map((e) => e.textContent)", where
    )


def picture(page):
    return page.run("return document.getElementById('map').toDataURL()")


def picture_after(page, act):
    """Act, and return whether the canvas changed within two seconds."""
    before = picture(page)
    act()
    for _ in range(20):
        if picture(page) != before:
            return True
        time.sleep(0.1)
    return False


def test_it_opens_without_an_error_and_loads_nothing(page):
    assert page.messages() == []
    assert page.run("return document.title") == "<i>T</i> & 제목"
    assert page.run("return document.querySelector('h1').textContent") == "<i>T</i> & 제목"
    assert page.run("return performance.getEntriesByType('resource').length") == 0
    drawn = page.run("""const c = document.getElementById('map');
        const d = c.getContext('2d').getImageData(0, 0, c.width, c.height).data;
        const seen = new Set(); for (let i = 0; i < d.length; i += 4) seen.add(d[i] << 16 | d[i+1] << 8 | d[i+2]);
        return seen.size""")
    assert drawn > 10


def test_searching_with_the_keyboard_alone(page, model):
    page.press("/")
    assert page.run("return document.activeElement.id") == "search"
    page.press("서")
    assert listed(page, "#matches") == ["서울"]
    page.press(["Enter"])
    assert heading(page) == "서울"
    assert listed(page, "#details") == [word for word, _ in model.most_similar("서울", topn=9)]
    assert page.run("return decodeURIComponent(location.hash)") == "#서울"
    page.press(["Escape"])
    assert heading(page) is None


def test_search_ignores_case_and_the_way_hangul_is_composed(page):
    page.run(
        "const s = document.getElementById('search'); s.value = arguments[0];s.dispatchEvent(new Event('input'))",
        unicodedata.normalize("NFD", "한국"),
    )
    assert listed(page, "#matches") == ["한국"]
    page.run("const s = document.getElementById('search'); s.value = 'KING';s.dispatchEvent(new Event('input'))")
    assert listed(page, "#matches") == ["king"]


@pytest.mark.parametrize("word", NASTY)
def test_words_that_look_like_markup_stay_words(page, word):
    page.run(
        "const s = document.getElementById('search'); s.value = arguments[0];s.dispatchEvent(new Event('input'))", word
    )
    assert listed(page, "#matches")[0] == word
    page.run("document.querySelector('#matches button').click()")
    assert heading(page) == word
    assert page.run("return window.broken ?? null") is None
    assert page.run("return document.querySelectorAll('img, script').length") == 2


def test_a_click_on_a_point_chooses_it_and_its_neighbours_are_buttons(page, model):
    page.open(page.run("return location.href.split('#')[0]") + "#king")
    near = [word for word, _ in model.most_similar("king", topn=9)]
    assert listed(page, "#details") == near
    page.run("document.querySelector('#details li button').click()")
    assert heading(page) == near[0]
    page.press(["Escape", "0"])
    places = page.run("""const data = JSON.parse(document.getElementById('data').textContent);
        const width = innerWidth, height = innerHeight, left = 350, right = width - 90, top = 40, bottom = height - 60;
        const span = (places) => [Math.min(...places) / 65535, Math.max(...places) / 65535];
        const [x0, x1] = span(data.x), [y0, y1] = span(data.y);
        const scale = Math.min((right - left) / (x1 - x0), (bottom - top) / (y1 - y0));
        return data.words.map((_, i) => [(left + right) / 2 + (data.x[i] / 65535 - (x0 + x1) / 2) * scale,
                                         (top + bottom) / 2 - (data.y[i] / 65535 - (y0 + y1) / 2) * scale])""")
    x, y = (round(value) for value in places[WORDS.index("도쿄")])
    page.mouse(("move", x, y), ("down",), ("up",))
    assert heading(page) == "도쿄"


def test_dragging_moves_and_does_not_choose(page):
    assert picture_after(page, lambda: page.mouse(("move", 900, 600), ("down",), ("move", 800, 500), ("up",)))
    assert heading(page) is None


def test_wheel_keys_and_buttons_zoom(page):
    assert picture_after(page, lambda: page.wheel(700, 400, -300))
    assert picture_after(page, lambda: page.press("0"))
    assert picture_after(page, lambda: page.press("+"))
    assert picture_after(page, lambda: page.run("document.getElementById('out').click()"))
    assert picture_after(
        page,
        lambda: page.run(
            "document.getElementById('map').dispatchEvent(new KeyboardEvent("
            "'keydown', {key: 'ArrowLeft', bubbles: true}))"
        ),
    )


def test_a_word_in_the_address_is_chosen(browser, address):
    browser.open("about:blank")
    browser.open(address + "#%EC%84%9C%EC%9A%B8")
    assert heading(browser) == "서울"


def test_five_thousand_points_are_drawn_in_one_frame(browser, tmp_path):
    n = 5000
    rng = np.random.default_rng(1)
    model = KeyedVectors([f"word{i}" for i in range(n)], rng.normal(size=(n, 8)).astype(np.float32))
    chosen = select(model, most_frequent=n)
    write_page(chosen, project(chosen.vectors)[0], tmp_path / "big.html", title="big", subtitle="")
    browser.open((tmp_path / "big.html").as_uri())
    frames = """const done = arguments[arguments.length - 1]; const map = document.getElementById('map');
        let k = 0; const start = performance.now();
        const step = () => { if (k++ === 20) { done((performance.now() - start) / 20); return; }
            document.dispatchEvent(new KeyboardEvent('keydown', {key: k % 2 ? '+' : '-'}));
            requestAnimationFrame(step); };
        requestAnimationFrame(step);"""
    per_frame = browser._call("POST", browser.session + "/execute/async", {"script": frames, "args": []})
    assert per_frame < 500  # in software, on a busy machine; a page that redraws per point would take seconds
    assert browser.messages() == []


def test_dark_and_light_follow_the_reader(address):
    def paper(dark):
        with Browser(dark=dark) as browser:
            browser.open(address)
            corner = browser.run(
                "const d = document.getElementById('map').getContext('2d')"
                ".getImageData(2, 2, 1, 1).data; return [d[0], d[1], d[2]]"
            )
            assert len(base64.b64decode(browser.screenshot())) > 5000
            return corner

    assert sum(paper(False)) > 600
    assert sum(paper(True)) < 150


def test_the_data_are_json(address, page):
    data = json.loads(page.run("return document.getElementById('data').textContent"))
    assert data["words"] == WORDS
