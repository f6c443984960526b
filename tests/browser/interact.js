/* Does on the page what a reader does, and writes what came of it as lines "name: value" into
 * <pre id="results">. test_report.sh appends this to a copy of a report. */
addEventListener("load", async () => {
    const results = [];
    const say = (name, value) => results.push(`${name}: ${value}`);
    const report = document.getElementById("report");
    const all = (selector, within = document) => [...within.querySelectorAll(selector)];
    const first = () => report.querySelector("table.ranking tbody th .name").textContent;
    const press = (element, key) => element.dispatchEvent(new KeyboardEvent("keydown", { key, bubbles: true, cancelable: true }));

    say("sideways", document.documentElement.scrollWidth - document.documentElement.clientWidth);

    /* Labels of a plot stay inside it, and clear of each other. */
    let shown = 0, hidden = 0, overlaps = 0, outside = 0;
    for (const plot of all("[id^=figure-law] .plot")) {
        const frame = plot.getBoundingClientRect();
        const texts = all(".mark-text.role-mark text", plot);
        const boxes = texts.filter((text) => text.textContent).map((text) => text.getBoundingClientRect());
        shown += boxes.length;
        hidden += texts.length - boxes.length;
        boxes.forEach((p, i) => {
            if (p.left < frame.left - 1 || p.right > frame.right + 1) outside++;
            for (const q of boxes.slice(0, i)) {
                if (p.left < q.right - 1 && q.left < p.right - 1 && p.top < q.bottom - 4 && q.top < p.bottom - 4) overlaps++;
            }
        });
    }
    say("labels shown", shown);
    say("labels hidden", hidden);
    say("labels overlapping", overlaps);
    say("labels outside", outside);

    say("errors clipped", all("[id^=figure-law] .mark-rule.role-mark").every((rules) => rules.closest("[clip-path]") !== null));

    /* Sort by a column, and back. */
    const head = (title, table = "ranking") =>
        all(`table.${table} thead button`).find((button) => button.textContent.split(",")[0] === title);
    say("first by rank", first());
    head("C").click();
    say("first by C", first());
    say("sorted C", head("C").parentElement.getAttribute("aria-sort"));
    say("sorted #", head("#").parentElement.getAttribute("aria-sort"));
    head("C").click();
    say("first by C upwards", first());

    say("heading of C", head("C").textContent);

    /* The chances stand where a reader sees them without moving the table. */
    const room = report.querySelector("#ranking .scroll").getBoundingClientRect().right;
    say("chances in view", ["best", "top 3"].every((title) => head(title).getBoundingClientRect().right <= room));

    /* The numbers beside A and C sort as well. */
    if (head("cka", "columns")) {
        head("cka", "columns").click();
        const column = all("table.columns tbody tr").map((row) => row.cells[2].textContent).filter((text) => text !== "\u2013");
        say("cka sorted", column.every((text, k) => k === 0 || Number(text) <= Number(column[k - 1])));
        say("cka last", all("table.columns tbody tr").pop().cells[2].textContent);
    }

    /* The shading of a law ends with the candidates that it was fitted to. */
    const clipped = all("[id^=figure-law] .plot").map((figure) => [figure, figure.querySelector("clipPath path[d^=M]")])
        .filter(([, path]) => path);
    say("shaded plots", clipped.length);
    say("shading narrower than the plot", clipped.every(([figure, path]) =>
        path.getBBox().width < 0.97 * figure.querySelector(".background").getBBox().width));

    /* Walk over the points of a plot with the keyboard. */
    const plot = report.querySelector("[id^=figure-law] .plot");
    const tip = document.getElementById("tip");
    if (plot) {
        press(plot, "ArrowRight");
        say("tip", tip.innerText.replace(/\s+/g, " "));
        press(plot, "Escape");
        say("tip hidden", tip.hidden);
    }

    /* Save a picture. */
    const saved = [];
    HTMLAnchorElement.prototype.click = function () {
        saved.push([this.download, this.href]);
    };
    for (const button of all("figure .save")[0].querySelectorAll("button")) button.click();
    for (let i = 0; i < 50 && saved.length < 2; i++) await new Promise((done) => setTimeout(done, 20));
    for (const [name, href] of saved.sort()) {
        const body = await (await fetch(href)).text();
        say(`saved ${name}`, /^.PNG/.test(body) ? "PNG" : body.slice(0, 4));
    }

    /* The other colours, and one benchmark alone. */
    say("theme", document.documentElement.dataset.theme);
    document.getElementById("theme").click();
    say("theme then", document.documentElement.dataset.theme);
    const pick = document.getElementById("pick");
    say("choices", all("option", pick).map((option) => option.textContent).join("|"));
    pick.value = pick.options.length - 1;
    pick.dispatchEvent(new Event("change"));
    say("chosen", document.querySelector("#ranking h2").textContent);
    say("law plots of the chosen", all("[id^=figure-law]").length);

    if (parent !== window) parent.postMessage(results.join("\n"), "*");
    document.body.append(Object.assign(document.createElement("pre"), { id: "results", textContent: results.join("\n") }));
});
