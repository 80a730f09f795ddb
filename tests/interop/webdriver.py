"""Just enough of the W3C WebDriver protocol to drive a headless Chromium: plain HTTP, no package needed."""

import json
import shutil
import socket
import subprocess
import time
import urllib.error
import urllib.request

ELEMENT = "element-6066-11e4-a52e-4f735466cecf"
KEYS = {"Enter": "\ue007", "Escape": "\ue00c", "Tab": "\ue004"}


def find_browser():
    """Return the paths of the browser and its driver; None for what is not installed."""
    browser = next(
        (path for name in ("chromium", "chromium-browser", "google-chrome") if (path := shutil.which(name))), None
    )
    return browser, shutil.which("chromedriver")


class Browser:
    """A headless Chromium behind chromedriver; use it as a context."""

    def __init__(self, dark=False, size=(1200, 800)):
        browser, driver = find_browser()
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            self.port = free.getsockname()[1]
        self.process = subprocess.Popen(
            [driver, f"--port={self.port}"], stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL
        )
        arguments = [
            "--headless=new",
            "--no-sandbox",
            "--disable-gpu",
            "--disable-dev-shm-usage",
            "--host-resolver-rules=MAP * ~NOTFOUND, EXCLUDE 127.0.0.1",
            f"--window-size={size[0]},{size[1]}",
        ]
        if dark:
            arguments.append("--force-dark-mode")
        options = {"binary": browser, "args": arguments}
        capabilities = {
            "alwaysMatch": {
                "browserName": "chrome",
                "goog:chromeOptions": options,
                "goog:loggingPrefs": {"browser": "ALL"},
            }
        }
        self.session = ""
        try:
            self._wait_for_driver()
            self.session = "/session/" + self._call("POST", "/session", {"capabilities": capabilities})["sessionId"]
        except BaseException:
            self.process.kill()
            raise

    def __enter__(self):
        return self

    def __exit__(self, *error):
        try:
            self._call("DELETE", self.session)
        finally:
            self.process.terminate()
            self.process.wait(10)

    def open(self, url):
        self._call("POST", self.session + "/url", {"url": url})

    def run(self, script, *arguments):
        """Run JavaScript in the page and return its result."""
        return self._call("POST", self.session + "/execute/sync", {"script": script, "args": list(arguments)})

    def messages(self):
        """What the page wrote to its console since the last call, errors included."""
        return self._call("POST", self.session + "/se/log", {"type": "browser"})

    def press(self, keys):
        """Type into whatever has the focus; a key's name stands for the key."""
        actions = [
            {"type": kind, "value": key} for key in (KEYS.get(k, k) for k in keys) for kind in ("keyDown", "keyUp")
        ]
        self._call("POST", self.session + "/actions", {"actions": [{"type": "key", "id": "keys", "actions": actions}]})

    def mouse(self, *steps):
        """Do steps with the mouse: ("move", x, y), ("down",), ("up",)."""
        kinds = {"down": "pointerDown", "up": "pointerUp"}
        actions = [
            {"type": "pointerMove", "duration": 0, "x": step[1], "y": step[2], "origin": "viewport"}
            if step[0] == "move"
            else {"type": kinds[step[0]], "button": 0}
            for step in steps
        ]
        self._call(
            "POST",
            self.session + "/actions",
            {
                "actions": [
                    {"type": "pointer", "id": "mouse", "parameters": {"pointerType": "mouse"}, "actions": actions}
                ]
            },
        )

    def wheel(self, x, y, amount):
        self._call(
            "POST",
            self.session + "/actions",
            {
                "actions": [
                    {
                        "type": "wheel",
                        "id": "wheel",
                        "actions": [
                            {
                                "type": "scroll",
                                "x": x,
                                "y": y,
                                "deltaX": 0,
                                "deltaY": amount,
                                "duration": 0,
                                "origin": "viewport",
                            }
                        ],
                    }
                ]
            },
        )

    def screenshot(self):
        """The picture of the page, PNG as base64."""
        return self._call("GET", self.session + "/screenshot")

    def _wait_for_driver(self):
        for _ in range(100):
            try:
                if self._call("GET", "/status")["ready"]:
                    return
            except OSError:
                time.sleep(0.1)
        raise RuntimeError("chromedriver did not answer within ten seconds")

    def _call(self, method, path, body=None):
        request = urllib.request.Request(
            f"http://127.0.0.1:{self.port}{path}",
            method=method,
            data=None if body is None else json.dumps(body).encode("utf-8"),
            headers={"Content-Type": "application/json"},
        )
        try:
            with urllib.request.build_opener(urllib.request.ProxyHandler({})).open(request, timeout=60) as answer:
                return json.load(answer)["value"]
        except urllib.error.HTTPError as error:
            raise RuntimeError(error.read().decode("utf-8", "replace")[:500]) from error
