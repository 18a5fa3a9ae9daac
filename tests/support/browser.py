"""browser.py - pages in a real browser, for the tests of reports and for looking at them.

    browser.py JOB.js ...

A job is a script whose first line says where it runs:

    // page: DIR/report.html, width: 390, dark, no-script, shot: FILE.png        all but the page may be left out

and whose rest is the body of an async function in that page; `wait(ms)` is there for it. Lines `press("Tab");` are keys, a
line `// ---- 2` divides it: what follows runs two seconds later, with `before` what the part before returned.

All run in one headless Chromium over its debugging pipe: no port, no network. Prints one JSON object, by job:
{"console": what the page complained of, "requests": addresses it asked for besides itself, "result": of the script}.
"""
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

    def attach(self):
        """A new page, which the calls from now on are for."""
        self.session, self.events = None, []
        target = self.call("Target.createTarget", url="about:blank")["targetId"]
        self.session = self.call("Target.attachToTarget", targetId=target, flatten=True)["sessionId"]
        return target

    def detach(self, target):
        self.session = None
        self.call("Target.closeTarget", targetId=target)

    def wait_for(self, method):
        while not any(e.get("method") == method for e in self.events):
            self.events.append(self.read())

    def evaluate(self, text):
        answer = self.call("Runtime.evaluate", expression=text, awaitPromise=True, returnByValue=True)
        if "exceptionDetails" in answer:
            raise SystemExit("script: " + json.dumps(answer["exceptionDetails"].get("exception", answer)))
        return answer["result"].get("value")

    def end(self):
        self.session = None
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
    parts = re.split(r"^// ---- ([0-9.]+)$", text, flags=re.M)
    for i, part in enumerate(parts):
        if i % 2:
            time.sleep(float(part))
            continue
        for k, step in enumerate(re.split(r"^\s*press\((.*)\);$", part, flags=re.M)):
            if k % 2:
                keys(browser, json.loads(step))
            elif step.strip():
                answer = browser.evaluate("(async () => { const wait = (ms) => new Promise((go) => setTimeout(go, ms)); "
                                          "const before = " + json.dumps(result) + ";\n" + step + "\n})()")
                result = result if answer is None else answer
    return result


def run_job(browser, path):
    head, _, script = pathlib.Path(path).read_text().partition("\n")
    words = [w.strip().partition(": ") for w in head.removeprefix("//").split(",")]
    options = {name: value for name, _, value in words}
    width = int(options.get("width", 1200))
    address = pathlib.Path(options["page"]).resolve().as_uri()
    target = browser.attach()
    for domain in ("Page", "Runtime", "Log", "Network"):
        browser.call(domain + ".enable")
    browser.call("Emulation.setDeviceMetricsOverride", width=width, height=900, deviceScaleFactor=1, mobile=width < 600)
    browser.call("Emulation.setEmulatedMedia", features=[
        {"name": "prefers-color-scheme", "value": "dark" if "dark" in options else "light"}])
    browser.call("Emulation.setScriptExecutionDisabled", value="no-script" in options)
    browser.call("Page.navigate", url=address)
    browser.wait_for("Page.loadEventFired")
    result = run_script(browser, script)
    if "shot" in options:
        height = min(browser.call("Page.getLayoutMetrics")["cssContentSize"]["height"], 16000)
        shot = browser.call("Page.captureScreenshot", captureBeyondViewport=True,
                            clip={"x": 0, "y": 0, "width": width, "height": height, "scale": 1})
        pathlib.Path(options["shot"]).write_bytes(base64.b64decode(shot["data"]))
    browser.call("Runtime.evaluate", expression="0")  # whatever was said before has arrived by now
    found = {"console": list(complaints(browser.events)), "requests": list(requests(browser.events, address)),
             "result": result}
    browser.detach(target)
    return found


def main():
    program = next((p for p in map(shutil.which, NAMES) if p), None)
    if not program:
        print("skip: no Chromium")
        return 77
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as folder:
        browser = Browser(program, folder)
        try:
            print(json.dumps({path: run_job(browser, path) for path in sys.argv[1:]}))
        finally:
            browser.end()
    return 0


if __name__ == "__main__":
    sys.exit(main())
