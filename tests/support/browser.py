"""browser.py - a page in a real browser, for the tests of reports and for looking at them.

    browser.py PAGE [--width W] [--dark] [--no-script] [--shot FILE.png] [--script FILE.js]

Opens the file in a headless Chromium over its debugging pipe (no port, no network) and prints one JSON object:
{"console": what it complained of, "requests": addresses asked for but for the page itself, "result": what the script
came to}. The script is the body of an async function; `wait(ms)`, `reload()` and `press(key)` are there for it, and
it goes on after a reload from the next part (parts are divided by lines of `// ----`), with `before` the last result.
"""
import argparse
import base64
import json
import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile
import time

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable")
FLAGS = ("--headless", "--no-sandbox", "--disable-gpu", "--disable-dev-shm-usage", "--no-first-run", "--hide-scrollbars",
         "--disable-extensions", "--disable-background-networking", "--disable-component-update", "--disable-sync",
         "--no-default-browser-check", "--remote-debugging-pipe")


class Browser:
    """Commands go in by descriptor 3, answers and events come out of 4, each ended by a zero byte."""

    def __init__(self, program, folder):
        here_in, self.out = os.pipe()
        self.into, here_out = os.pipe()

        def take_places():
            ends = os.dup(here_in), os.dup(here_out)  # clear of 3 and 4, which they may have been
            os.dup2(ends[0], 3)
            os.dup2(ends[1], 4)

        self.process = subprocess.Popen([program, *FLAGS, "--user-data-dir=" + folder], close_fds=False,
                                        preexec_fn=take_places, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        os.close(here_in)
        os.close(here_out)
        self.rest = b""
        self.number = 0
        self.session = None
        self.events = []

    def read(self):
        while b"\0" not in self.rest:
            more = os.read(self.into, 1 << 20)
            if not more:
                raise SystemExit("the browser ended")
            self.rest += more
        message, self.rest = self.rest.split(b"\0", 1)
        return json.loads(message)

    def call(self, method, **params):
        self.number += 1
        message = {"id": self.number, "method": method, "params": params}
        if self.session:
            message["sessionId"] = self.session
        os.write(self.out, json.dumps(message).encode() + b"\0")
        while True:
            answer = self.read()
            if answer.get("id") == self.number:
                if "error" in answer:
                    raise SystemExit(f"{method}: {answer['error']['message']}")
                return answer["result"]
            self.events.append(answer)

    def wait_for(self, method):
        while not any(e.get("method") == method for e in self.events):
            self.events.append(self.read())

    def evaluate(self, text):
        answer = self.call("Runtime.evaluate", expression=text, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise SystemExit("script: " + json.dumps(answer["exceptionDetails"].get("exception", answer)))
        return answer["result"].get("value")

    def end(self):
        try:
            self.call("Browser.close")
        except (OSError, SystemExit):
            pass
        self.process.wait(10)


def complaints(events):
    for e in events:
        p = e.get("params", {})
        if e.get("method") == "Runtime.consoleAPICalled" and p["type"] in ("error", "warning", "assert"):
            yield " ".join(str(a.get("value", a.get("description"))) for a in p["args"])
        if e.get("method") == "Runtime.exceptionThrown":
            yield p["exceptionDetails"].get("exception", {}).get("description", p["exceptionDetails"]["text"])
        if e.get("method") == "Log.entryAdded" and p["entry"]["level"] in ("error", "warning"):
            yield p["entry"]["text"]


def requests(events, address):
    for e in events:
        if e.get("method") == "Network.requestWillBeSent":
            url = e["params"]["request"]["url"]
            if url.split("#")[0] != address and not url.startswith("data:"):
                yield url


def keys(browser, key):
    code = {"Tab": 9, "Enter": 13, "Escape": 27, "ArrowLeft": 37, "ArrowRight": 39}.get(key, 0)
    for kind in ("keyDown", "keyUp"):
        browser.call("Input.dispatchKeyEvent", type=kind, key=key, code=key, windowsVirtualKeyCode=code,
                     **({"text": "\r"} if key == "Enter" and kind == "keyDown" else {}))


def run_script(browser, text):
    result = None
    for part in re.split(r"^// ----.*$", text, flags=re.M):
        steps = re.split(r"^\s*await press\((.*)\);$", part, flags=re.M)
        for i, step in enumerate(steps):
            if i % 2:
                keys(browser, json.loads(step))
                continue
            result = browser.evaluate("(async () => { const wait = (ms) => new Promise((go) => setTimeout(go, ms)); "
                                      "const before = " + json.dumps(result) + ";\n" + step + "\nreturn before; })()")
    return result


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("page")
    parser.add_argument("--width", type=int, default=1200)
    parser.add_argument("--dark", action="store_true")
    parser.add_argument("--no-script", action="store_true")
    parser.add_argument("--shot")
    parser.add_argument("--script")
    options = parser.parse_args()
    program = next((p for p in map(shutil.which, NAMES) if p), None)
    if not program:
        print("skip: no Chromium")
        return 77
    address = pathlib.Path(options.page).resolve().as_uri()
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(program, folder)
        target = browser.call("Target.createTarget", url="about:blank")["targetId"]
        browser.session = browser.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        for domain in ("Page", "Runtime", "Log", "Network"):
            browser.call(domain + ".enable")
        browser.call("Emulation.setDeviceMetricsOverride", width=options.width, height=900, deviceScaleFactor=1,
                     mobile=options.width < 600)
        browser.call("Emulation.setEmulatedMedia", features=[
            {"name": "prefers-color-scheme", "value": "dark" if options.dark else "light"}])
        browser.call("Emulation.setScriptExecutionDisabled", value=options.no_script)
        browser.call("Page.navigate", url=address)
        browser.wait_for("Page.loadEventFired")
        result = None
        if options.script:
            result = run_script(browser, pathlib.Path(options.script).read_text())
        if options.shot:
            size = browser.call("Page.getLayoutMetrics")["cssContentSize"]
            shot = browser.call("Page.captureScreenshot", captureBeyondViewport=True, clip={
                "x": 0, "y": 0, "width": options.width, "height": min(size["height"], 16000), "scale": 1})
            pathlib.Path(options.shot).write_bytes(base64.b64decode(shot["data"]))
        browser.call("Runtime.evaluate", expression="0")  # whatever was said before has arrived by now
        print(json.dumps({"console": list(complaints(browser.events)), "requests": list(requests(browser.events, address)),
                          "result": result}))
        browser.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
