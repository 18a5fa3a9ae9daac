// page.js - what a report gains where scripts run: theme, sorting, filtering, read-outs, and a live page's own refresh.
// Everything it works on is there without it.
"use strict";
(() => {
    const root = document.documentElement;
    const all = (selector, from = document) => [...from.querySelectorAll(selector)];
    const make = (element, properties = {}) => Object.assign(document.createElement(element), properties);

    // Storage may be refused to a page opened from a file.
    const stored = (key, value) => {
        try {
            return value === undefined ? localStorage.getItem(key) : localStorage.setItem(key, value);
        } catch {
            return null;
        }
    };

    const theme = stored("slicescore-theme");
    if (theme === "light" || theme === "dark")
        root.dataset.theme = theme;

    function themeButton() {
        const button = document.getElementById("theme");
        const dark = () => root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
        const show = () => { button.textContent = dark() ? "Light theme" : "Dark theme"; };
        button.addEventListener("click", () => {
            root.dataset.theme = dark() ? "light" : "dark";
            stored("slicescore-theme", root.dataset.theme);
            show();
        });
        matchMedia("(prefers-color-scheme: dark)").addEventListener("change", show);
        show();
        button.hidden = false;
    }

    // ---- tables ----

    // The number of a cell, or its text.
    function key(row, column) {
        const cell = row.cells[column];
        const text = cell.dataset.value ?? cell.textContent.trim();
        const number = text === "" ? NaN : Number(text);
        return Number.isNaN(number) ? text : number;
    }

    // Numbers before texts, cells with nothing in them last whichever way.
    function compare(a, b, direction) {
        if (a === "" || b === "")
            return (a === "") - (b === "");
        if (typeof a !== typeof b)
            return typeof a === "number" ? -1 : 1;
        return direction * (typeof a === "number" ? a - b : a.localeCompare(b));
    }

    function sort(table, column, direction) {
        const body = table.tBodies[0];
        const rows = [...body.rows].map((row) => [key(row, column), row]);
        rows.sort((a, b) => compare(a[0], b[0], direction));
        body.append(...rows.map(([, row]) => row));
        [...table.tHead.rows[0].cells].forEach((head, i) => {
            if (head.ariaSort)
                head.ariaSort = i !== column ? "none" : direction > 0 ? "ascending" : "descending";
        });
    }

    function sortable(table) {
        [...table.tHead.rows[0].cells].forEach((head, i) => {
            if ("nosort" in head.dataset)
                return;
            const button = make("button", {type: "button"});
            button.append(...head.childNodes);
            head.append(button);
            head.ariaSort = "none";
            button.addEventListener("click", () => sort(table, i, head.ariaSort === "ascending" ? -1 : 1));
        });
    }

    // "word" is looked for in the whole row; "column<3", with = != < <= > >=, in one column.
    function condition(word, names) {
        const parts = /^([^<>=!]+)(<=|>=|!=|=|<|>)(.*)$/.exec(word);
        const column = parts ? names.findIndex((name) => name === parts[1] || name.endsWith("." + parts[1])) : -1;
        if (column < 0)
            return (row) => row.textContent.toLowerCase().includes(word);
        const wanted = parts[3] !== "" && !Number.isNaN(Number(parts[3])) ? Number(parts[3]) : parts[3];
        const test = {
            "=": (x) => typeof x === typeof wanted ? x === wanted : String(x).includes(wanted),
            "!=": (x) => x !== wanted,
            "<": (x) => x < wanted, "<=": (x) => x <= wanted,
            ">": (x) => x > wanted, ">=": (x) => x >= wanted,
        }[parts[2]];
        return (row) => {
            const x = key(row, column);
            return x !== "" && test(typeof x === "string" ? x.toLowerCase() : x);
        };
    }

    function filterable(table) {
        const rows = [...table.tBodies[0].rows];
        const names = [...table.tHead.rows[0].cells].map((head) => (head.dataset.key ?? head.textContent).trim().toLowerCase());
        const input = make("input", {type: "search", spellcheck: false, placeholder: table.dataset.hint ?? ""});
        const label = make("label");
        const count = make("output");
        const tools = make("div", {className: "tools"});
        const apply = () => {
            const tests = input.value.toLowerCase().split(/\s+/).filter(Boolean).map((word) => condition(word, names));
            let shown = 0;
            for (const row of rows) {
                row.hidden = !tests.every((test) => test(row));
                shown += !row.hidden;
            }
            count.textContent = `${shown} of ${rows.length} rows`;
        };
        label.append("Filter", input);
        tools.append(label, count);
        table.parentElement.before(tools);
        input.addEventListener("input", apply);
        apply();
    }

    // ---- read-outs ----

    function readable(figure) {
        const chart = JSON.parse(figure.querySelector("script").textContent);
        const plot = figure.querySelector(".plot");
        const svg = plot.querySelector("svg");
        const [left, right] = chart.across;
        const at = (value, [low, high], log) => log ? Math.log(value / low) / Math.log(high / low) : (value - low) / (high - low);
        const series = chart.series.filter((s) => s.points.length);
        // Marks of one category stand beside each other.
        const slot = (point) => chart.names.length ? Math.round(point[0]) : point[0];
        const xs = [...new Set(series.flatMap((s) => s.points.map(slot)))].sort((a, b) => a - b);
        if (!xs.length)
            return;
        const where = xs.map((x) => left + (right - left) * at(x, chart.xs, chart.logX));
        const cursor = make("div", {className: "cursor", hidden: true});
        const reading = make("output", {className: "reading", hidden: true});
        let now = -1;
        plot.append(cursor, reading);

        const number = (x) => String(Number(x.toPrecision(5))).replaceAll("-", "\u2212");
        function show(i) {
            now = Math.min(Math.max(i, 0), xs.length - 1);
            const lines = [`${chart.x} ${chart.names[xs[now]] ?? number(xs[now])}`];
            for (const s of series)
                for (const p of s.points.filter((q) => slot(q) === xs[now]).slice(0, 6))
                    lines.push((s.name ? s.name + " " : "") + number(p[1]) + (p.length > 2 ? ` \u00b1 ${Number(p[2].toPrecision(2))}` : ""));
            const box = svg.viewBox.baseVal;
            const scale = svg.clientWidth / box.width;
            cursor.style.left = `${scale * where[now]}px`;
            cursor.style.top = `${scale * chart.down[0]}px`;
            cursor.style.height = `${scale * (chart.down[1] - chart.down[0])}px`;
            reading.textContent = lines.join("\n");
            const beyond = where[now] > (left + right) / 2;
            reading.style.left = beyond ? "auto" : `${scale * where[now] + 8}px`;
            reading.style.right = beyond ? `${svg.clientWidth - scale * where[now] + 8}px` : "auto";
            cursor.hidden = reading.hidden = false;
        }
        function hide() {
            cursor.hidden = reading.hidden = true;
            now = -1;
        }
        function nearest(event) {
            const box = svg.getBoundingClientRect();
            const x = (event.clientX - box.left) * svg.viewBox.baseVal.width / box.width;
            let best = 0;
            where.forEach((w, i) => {
                if (Math.abs(w - x) < Math.abs(where[best] - x))
                    best = i;
            });
            show(best);
        }
        plot.addEventListener("pointermove", nearest);
        plot.addEventListener("pointerdown", nearest);
        plot.addEventListener("pointerleave", hide);
        plot.addEventListener("blur", hide);
        plot.tabIndex = 0;
        plot.setAttribute("role", "group");
        plot.ariaLabel = `${svg.ariaLabel ?? "chart"}: arrow keys read off values`;
        plot.addEventListener("keydown", (event) => {
            const far = Math.max(1, Math.round(xs.length / 10));
            const to = {ArrowRight: now + 1, ArrowLeft: now < 0 ? xs.length - 1 : now - 1, PageUp: now + far, PageDown: now - far,
                        Home: 0, End: xs.length - 1}[event.key];
            if (event.key === "Escape")
                hide();
            else if (to !== undefined) {
                show(to);
                event.preventDefault();
            }
        });
    }

    // ---- a live page ----

    // What the reader did to the page, kept in the entry of the history that a reload leaves alone.
    const state = () => ({
        slicescore: true,
        top: scrollY,
        open: all("details").map((d) => d.open),
        filters: all("input[type=search]").map((i) => i.value),
        sorts: all("table.sortable").map((t) => [...t.tHead.rows[0].cells].map((h) => h.ariaSort)),
        paused: document.body.dataset.paused,
    });

    function restore(old) {
        all("details").forEach((d, i) => { d.open = old.open[i] ?? d.open; });
        all("input[type=search]").forEach((input, i) => {
            input.value = old.filters[i] ?? "";
            input.dispatchEvent(new Event("input"));
        });
        all("table.sortable").forEach((table, i) => (old.sorts[i] ?? []).forEach((order, column) => {
            if (order === "ascending" || order === "descending")
                sort(table, column, order === "ascending" ? 1 : -1);
        }));
        scrollTo({top: old.top, behavior: "instant"});
    }

    function live() {
        const wait = 1000 * Number(document.body.dataset.refresh);
        const button = make("button", {type: "button", id: "pause"});
        const paused = () => document.body.dataset.paused === "yes";
        const show = () => { button.textContent = paused() ? "Go on refreshing" : "Pause refreshing"; };
        const old = history.state?.slicescore ? history.state : null;
        history.scrollRestoration = "manual";
        document.body.dataset.paused = old?.paused === "yes" ? "yes" : "no";
        button.addEventListener("click", () => {
            document.body.dataset.paused = paused() ? "no" : "yes";
            show();
        });
        show();
        document.getElementById("theme").before(button);
        // Not while it is out of sight, or somebody writes or selects in it.
        setInterval(() => {
            if (paused() || document.hidden || document.activeElement?.matches("input") || String(getSelection()))
                return;
            history.replaceState(state(), "");
            location.reload();
        }, wait);
    }

    document.addEventListener("DOMContentLoaded", () => {
        themeButton();
        all("table.sortable").forEach(sortable);
        all("table.filterable").forEach(filterable);
        all("figure.chart").forEach(readable);
        if (history.state?.slicescore)
            restore(history.state);
        if (document.body.dataset.refresh)
            live();
    });
})();
