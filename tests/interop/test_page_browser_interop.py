"""What the page does in a real browser beyond the basics: sums, axes, selections, colours, speed; embedkit explore."""

import base64
import threading

import numpy as np
import pytest

from embedkit.plotting.colouring import column
from embedkit.plotting.explore import Explorer, address_of, serve
from embedkit.plotting.page import write_page
from embedkit.plotting.projection import project
from embedkit.plotting.selection import select
from embedkit.query.keyed_vectors import KeyedVectors
from tests.interop.test_plot_html_interop import heading, listed
from tests.interop.webdriver import Browser, find_browser

pytestmark = pytest.mark.skipif(
    None in find_browser(), reason="no Chromium with chromedriver: apt-get install chromium chromium-driver"
)
WORDS = ["man", "woman", "king", "queen", *(f"word{i}" for i in range(596))]
ENTER = """const s = document.getElementById(arguments[0]); s.focus(); s.value = arguments[1];
    s.dispatchEvent(new Event('input'));"""


def devtools(browser, command, **parameters):
    """Call the browser's own protocol."""
    return browser._call("POST", browser.session + "/goog/cdp/execute", {"cmd": command, "params": parameters})


def make_model(seed=1, n_dimensions=32):
    vectors = np.random.default_rng(seed).normal(size=(len(WORDS), n_dimensions)).astype(np.float32)
    vectors[3] = vectors[2] - vectors[0] + vectors[1]
    return KeyedVectors(WORDS, vectors, counts=np.arange(len(WORDS), 0, -1))


@pytest.fixture(scope="module")
def browser():
    with Browser() as browser:
        yield browser


@pytest.fixture
def page(browser, tmp_path):
    model = make_model()
    chosen = select(model, most_frequent=400)
    path = tmp_path / "page.html"
    colours = column("counts", chosen.words, model)
    write_page(chosen, project(chosen.vectors)[0], path, title="t", subtitle="s", model=model, column=colours)
    browser.open("about:blank")
    browser.messages()
    browser.open(path.as_uri())
    yield browser
    assert browser.messages() == []


def test_sums_are_computed_on_the_page(page):
    page.run(ENTER, "search", "king - man + woman")
    page.press(["Enter"])
    assert heading(page) == "king - man + woman"
    assert listed(page, "#details")[0] == "queen"


def test_neighbours_outside_the_picture_are_listed_and_marked(page):
    page.run(ENTER, "search", "king")
    page.press(["Enter"])
    near = [word for word, _ in make_model().most_similar("king", topn=10)]
    assert listed(page, "#details") == near
    outside = page.run(
        "return [...document.querySelectorAll('#details .outside span:first-child')].map((e) => e.textContent)"
    )
    assert outside == [word for word in near if WORDS.index(word) >= 400]


def test_an_axis_lays_words_out_between_two_words(page):
    page.run(ENTER + "s.dispatchEvent(new Event('change'))", "axis-x", "man woman")
    assert page.run("return document.getElementById('notes').textContent") == "left to right: man to woman"
    page.run(ENTER + "s.dispatchEvent(new Event('change'))", "axis-x", "nobody woman")
    assert "nobody" in page.run("return document.getElementById('notes').textContent")


def test_selections_are_saved(page):
    assert "400" in page.run("return document.getElementById('save').textContent")
    page.run("document.getElementById('select').click()")
    page.run("document.getElementById('save').click()")
    assert page.run("return document.getElementById('map').dataset.saved") == "400"
    page.run("document.getElementById('clear').click()")
    page.run("""const map = document.getElementById('map');
        const at = (kind, x, y) => map.dispatchEvent(new PointerEvent(kind,
            {pointerId: 1, clientX: x, clientY: y, shiftKey: true, bubbles: true}));
        map.setPointerCapture = () => {};
        at('pointerdown', 500, 200); at('pointermove', 700, 400); at('pointerup', 700, 400);""")
    text = page.run("return document.getElementById('save').textContent")
    assert 0 < int(text.split()[1]) < 400


def test_the_legend_says_what_colours_mean(page):
    assert page.run("return document.getElementById('legend').textContent").startswith("counts, logarithmic: ")


def test_everything_has_a_name_and_can_be_reached_with_the_keyboard(page):
    unnamed = page.run("""return [...document.querySelectorAll('button, input, canvas, nav, ol')].filter((e) =>
        !(e.textContent.trim() || e.ariaLabel || e.labels?.length)).map((e) => e.outerHTML)""")
    assert unnamed == []
    assert page.run("return [...document.querySelectorAll('*')].filter((e) => e.tabIndex < 0 && e.onclick).length") == 0
    assert page.run("return document.getElementById('notes').role") == "status"


def test_a_hundred_thousand_words_move_at_thirty_frames_a_second(browser, tmp_path):
    n = 100_000
    rng = np.random.default_rng(1)
    model = KeyedVectors([f"word{i}" for i in range(n)], rng.normal(size=(n, 4)).astype(np.float32))
    chosen = select(model, most_frequent=n)
    data_points = rng.normal(size=(n, 2))
    monkey = pytest.MonkeyPatch()  # neighbours are another test's matter, and their search takes minutes here
    monkey.setattr(
        "embedkit.plotting.page.nearest_within", lambda v, topn=10: (np.zeros((n, 1), int), np.zeros((n, 1)))
    )
    write_page(chosen, data_points, tmp_path / "big.html", title="big", subtitle="")
    monkey.undo()
    browser.open((tmp_path / "big.html").as_uri())
    frames = """const done = arguments[arguments.length - 1]; let k = 0;
        const step = () => { if (k++ === 30) { done(k); return; }
            document.dispatchEvent(new KeyboardEvent('keydown', {key: k % 2 ? 'ArrowLeft' : 'ArrowRight'}));
            requestAnimationFrame(() => requestAnimationFrame(step)); };
        requestAnimationFrame(step);"""

    def script_seconds():  # of the processor, so that other work on the machine is not counted as the page's
        found = devtools(browser, "Performance.getMetrics")["metrics"]
        return next(metric["value"] for metric in found if metric["name"] == "ScriptDuration")

    devtools(browser, "Performance.enable", timeDomain="threadTicks")
    begin = script_seconds()
    browser._call("POST", browser.session + "/execute/async", {"script": frames, "args": []})
    per_frame = (script_seconds() - begin) / 30
    print(f"{1000 * per_frame:.1f} ms a frame")
    assert per_frame < 1 / 30
    assert browser.messages() == []


def test_labels_are_never_cut_at_an_edge_even_on_a_phone(page):
    page._call("POST", page.session + "/window/rect", {"width": 390, "height": 844})
    drawn = page.run("""const seen = []; const real = CanvasRenderingContext2D.prototype.fillText;
        CanvasRenderingContext2D.prototype.fillText = function (text, x, y) {
            seen.push([x, y, x + this.measureText(text).width]); return real.call(this, text, x, y); };
        document.dispatchEvent(new KeyboardEvent('keydown', {key: '+'}));
        return new Promise((done) => setTimeout(() => done([innerWidth, innerHeight, seen]), 300));""")
    width, height, seen = drawn
    assert seen
    for left, middle, right in seen:
        assert left >= 0
        assert right <= width
        assert 0 <= middle <= height
    page._call("POST", page.session + "/window/rect", {"width": 1280, "height": 800})


def test_explore_answers_with_the_whole_model(browser):
    models = {"one": make_model(), "two": make_model(2)}
    chosen = select(models["one"], most_frequent=50)
    explorer = Explorer(models, chosen, project(chosen.vectors)[0], "one, two", "50 of 600")
    server = serve(explorer)
    thread = threading.Thread(target=server.serve_forever)
    thread.start()
    try:
        browser.open("about:blank")
        browser.messages()
        browser.open(address_of(server, explorer))
        browser.run(ENTER, "search", "word500")
        browser.press(["Enter"])
        for _ in range(50):
            if heading(browser):
                break
            threading.Event().wait(0.1)
        assert heading(browser) == "one: word500"
        assert listed(browser, "#details")[:10] == [w for w, _ in models["one"].most_similar("word500", topn=10)]
        assert len(base64.b64decode(browser.screenshot())) > 5000
        assert [m for m in browser.messages() if "favicon" not in str(m)] == []
    finally:
        server.shutdown()
        server.server_close()
        thread.join()
