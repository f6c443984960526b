/* The ranking as a table: any column sorts, by mouse or keyboard. */

const columns = [
    /* title, what it shows, what it sorts by, first direction, explanation */
    { title: "#", cell: (row) => row.place, key: (row) => row.place, first: 1, number: true, why: "place in this ranking" },
    { title: "candidate", cell: candidateCell, key: (row) => names[row.candidate].toLowerCase(), first: 1 },
    { title: "value", cell: valueCell, key: (row) => row.value, first: -1, number: true, why: "measured where trained, else predicted (in italics)" },
    { title: "interval", cell: intervalCell, key: (row) => row.value, first: -1, why: "measured (dot) or predicted (ring) with its interval" },
    { title: "best", cell: (row) => percent(row.p_best), key: (row) => row.p_best, first: -1, number: true, why: "chance of being the best" },
    { title: "top 3", cell: (row) => percent(row.p_top3), key: (row) => row.p_top3, first: -1, number: true, why: "chance of being among the best three" },
    { title: "predicted", cell: (row, show) => show.number(row.predicted), key: (row) => row.predicted, first: -1, number: true, why: "what the model predicts, measured or not" },
    { title: "from", cell: (row, show) => show.number(row.low), key: (row) => row.low, first: -1, number: true, why: "low end of the interval" },
    { title: "to", cell: (row, show) => show.number(row.high), key: (row) => row.high, first: -1, number: true, why: "high end of the interval" },
    { title: "C", cell: (row) => fixed(data.candidates[row.candidate].c, 2), key: (row) => data.candidates[row.candidate].c, first: -1, number: true, why: "correspondence score" },
    { title: "A", cell: (row, show) => fixed(meanA(row.candidate, show.over), 3), key: (row, show) => meanA(row.candidate, show.over), first: -1, number: true, why: "alignment score, mean over the benchmarks of this ranking" },
    { title: "GPU-h", cell: (row) => hoursCell(row.candidate), key: (row) => costOf(row.candidate), first: 1, number: true, why: "GPU-hours recorded for a finetune, else declared" },
    { title: "state", cell: (row) => stateOf(row.candidate), key: (row) => stateOf(row.candidate), first: 1 },
];

const fixed = (value, digits) => (known(value) ? value.toFixed(digits) : "\u2013");

function meanA(i, over) {
    const values = over.map((b) => data.benchmarks[b].a[i]).filter(known);
    return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
}

function costOf(i) {
    const { hours: spent, cost } = data.candidates[i];
    return known(spent) ? spent : cost;
}

const hoursCell = (i) => (known(costOf(i)) ? hours(costOf(i)) : "\u2013");

function stateOf(i) {
    const { n_measured, pending } = data.candidates[i];
    if (n_measured === data.benchmarks.length) return "trained";
    if (n_measured > 0) return `${n_measured} of ${data.benchmarks.length} results`;
    return pending ? "asked" : "not trained";
}

function candidateCell(row, show) {
    const name = el("span", { class: "name" }, names[row.candidate]);
    const reason = `cannot be told from the best at ${percent(data.options.level)}`;
    return row.contender && show.rows.length > 1
        ? [name, el("span", { class: "contender", title: reason }, el("span", { class: "sr" }, ` (${reason})`))] : [name];
}

function valueCell(row, show) {
    return el(known(row.measured) ? "b" : "i", {}, show.number(row.value));
}

/* A small drawing: the interval as a line, the value as a dot or ring, on the scale of the column. */
function intervalCell(row, show) {
    const space = "http://www.w3.org/2000/svg";
    const make = (tag, attributes) => {
        const node = document.createElementNS(space, tag);
        for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
        return node;
    };
    const [low, high] = show.scale;
    const at = (value) => 6 + 108 * ((value - low) / (high - low || 1));
    const svg = make("svg", { viewBox: "0 0 120 16", class: "interval", role: "img" });
    const range = `${show.number(row.low)} to ${show.number(row.high)}`;
    svg.setAttribute("aria-label", known(row.measured) ? `measured ${show.number(row.measured)}` : `predicted ${range}`);
    svg.append(make("line", { x1: 0, x2: 120, y1: 8, y2: 8, class: "track" }));
    if (!known(row.value)) return svg;
    if (!known(row.measured) && known(row.low))
        svg.append(make("line", { x1: at(row.low), x2: at(row.high), y1: 8, y2: 8, class: "span" }));
    svg.append(make("circle", { cx: at(row.value), cy: 8, r: 4, class: known(row.measured) ? "dot" : "ring" }));
    return svg;
}

/* Numbers ascend or descend, words likewise, unknown values come last either way. */
function sorted(rows, column, direction, show) {
    const missing = (key) => key === null || key === undefined;
    return [...rows].sort((p, q) => {
        const u = column.key(p, show), v = column.key(q, show);
        if (missing(u) || missing(v)) return missing(u) - missing(v);
        return (u < v ? -1 : u > v ? 1 : 0) * direction || p.place - q.place;
    });
}

const FIRST_ROWS = 40; /* of a long table; a button shows the rest */

function rankingTable(ranking) {
    const rows = ranking.rows.map((row, k) => ({
        ...row, place: k + 1, value: known(row.measured) ? row.measured : row.predicted,
        contender: known(row.p_best) && !row.separable,
    }));
    const values = rows.flatMap((row) => [row.value, known(row.measured) ? null : row.low, known(row.measured) ? null : row.high]);
    const show = { rows, over: ranking.over, number: numbersLike(rows.map((row) => row.value)), scale: extent(values) };

    const body = el("tbody");
    const heads = columns.map((column) => el("th", { scope: "col", class: column.number ? "number" : null, title: column.why || null },
        el("button", { type: "button", click: () => sortBy(column) }, column.title)));
    const more = el("button", { type: "button", class: "more", click: () => fill(Infinity) }, `show all ${rows.length}`);
    let order = rows, by = columns[0], direction = 1;

    function fill(most) {
        body.replaceChildren(...order.slice(0, most).map((row) => el("tr", { class: row.contender ? "could-be-best" : null },
            columns.map((column) => el(column.title === "candidate" ? "th" : "td",
                { class: column.number ? "number" : null, scope: column.title === "candidate" ? "row" : null },
                column.cell(row, show))))));
        more.hidden = order.length <= most;
    }
    function sortBy(column) {
        direction = column === by ? -direction : column.first;
        by = column;
        order = sorted(rows, by, direction, show);
        mark();
        fill(more.hidden ? Infinity : FIRST_ROWS);
    }
    function mark() {
        heads.forEach((head, k) => head.setAttribute("aria-sort",
            columns[k] === by ? (direction > 0 ? "ascending" : "descending") : "none"));
    }
    mark();
    fill(FIRST_ROWS);
    return el("div", {}, el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `Ranking, ${ranking.name}` },
        el("table", { class: "ranking" }, el("thead", {}, el("tr", {}, heads)), body)), more);
}
