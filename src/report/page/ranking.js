/* The ranking, and the numbers beside A and C, as tables: any column sorts, by mouse or keyboard. */

const C_TITLE = C_UNIT ? "C, %" : "C";

const columns = [
    /* title, what it shows, what it sorts by, first direction, explanation */
    { title: "#", cell: (row) => row.place, key: (row) => row.place, first: 1, number: true, why: "place in this ranking" },
    { title: "candidate", cell: candidateCell, key: (row) => names[row.candidate].toLowerCase(), first: 1 },
    { title: "value", cell: valueCell, key: (row) => row.value, first: -1, number: true, why: "measured where trained, else predicted (in italics)" },
    { title: "best", cell: (row) => percent(row.p_best), key: (row) => row.p_best, first: -1, number: true, why: "chance of being the best" },
    { title: "top 3", cell: (row) => percent(row.p_top3), key: (row) => row.p_top3, first: -1, number: true, why: "chance of being among the best three" },
    { title: "interval", cell: intervalCell, key: (row) => row.value, first: -1, why: "measured (dot) or predicted (ring) with its interval" },
    { title: "predicted", cell: (row, show) => show.number(row.predicted), key: (row) => row.predicted, first: -1, number: true, why: "what the model predicts, measured or not" },
    { title: "from", cell: (row, show) => show.number(row.low), key: (row) => row.low, first: -1, number: true, why: "low end of the interval" },
    { title: "to", cell: (row, show) => show.number(row.high), key: (row) => row.high, first: -1, number: true, why: "high end of the interval" },
    { title: C_TITLE, cell: (row) => fixed(data.candidates[row.candidate].c, 2), key: (row) => data.candidates[row.candidate].c, first: -1, number: true, why: C_UNIT ? `correspondence score: ${C_UNIT}, keypoints found again in other images` : "correspondence score, in the unit that the study has it in" },
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
    const { n_measured, pending, failed } = data.candidates[i];
    if (n_measured === data.benchmarks.length) return "trained";
    if (n_measured > 0) return `${n_measured} of ${data.benchmarks.length} results`;
    return pending ? "asked" : failed ? "failed" : "not trained";
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

/* A table whose rows sort by any column; {columns, rows, show, label, className, marked} */
function sortableTable({ columns, rows, show, label, className, marked }) {
    const body = el("tbody");
    const heads = columns.map((column) => el("th", { scope: "col", class: column.number ? "number" : null, title: column.why || null },
        el("button", { type: "button", click: () => sortBy(column) }, column.title)));
    const more = el("button", { type: "button", class: "more", click: () => fill(Infinity) }, `show all ${rows.length}`);
    let order = rows, by = columns[0], direction = by.first;

    function fill(most) {
        body.replaceChildren(...order.slice(0, most).map((row) => el("tr", { class: marked && marked(row) ? "could-be-best" : null },
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
    return el("div", {}, el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label },
        el("table", { class: className }, el("thead", {}, el("tr", {}, heads)), body)), more);
}

function rankingTable(ranking) {
    const rows = ranking.rows.map((row, k) => ({
        ...row, place: k + 1, value: known(row.measured) ? row.measured : row.predicted,
        contender: known(row.p_best) && !row.separable,
    }));
    const values = rows.flatMap((row) => [row.value, known(row.measured) ? null : row.low, known(row.measured) ? null : row.high]);
    const show = { rows, over: ranking.over, number: numbersLike(rows.map((row) => row.value)), scale: extent(values) };
    return sortableTable({ columns, rows, show, label: `Ranking, ${ranking.name}`, className: "ranking", marked: (row) => row.contender });
}

/* ---- the numbers beside A and C ---- */

/* What columns that eyechart measures say, by the beginning of their names, the longest first. */
const MEANINGS = [
    ["C_authors", "C by the authors' protocol, % PCK@0.10"],
    ["C_consistent", "C by the consistent protocol, % PCK@0.10"],
    ["A_", "A to this reference alone, mean cosine"],
    ["cka_unbiased", "likeness of features to a reference's: linear CKA without its bias, at most 1"],
    ["cka", "likeness of features to a reference's: linear CKA, 0 to 1"],
    ["mutual_knn", "share of nearest neighbours that a reference has too, 0 to 1"],
    ["rank", "effective rank of the features, in dimensions"],
    ["norm_cv", "spread of the tokens' lengths over their mean"],
    ["norm_outliers", "share of tokens much longer than the others, 0 to 1"],
    ["norm", "mean length of the tokens"],
];

const meaningOf = (name) => (MEANINGS.find(([begin]) => name === begin || name.startsWith(begin.endsWith("_") ? begin : `${begin}_`)) || [null, null])[1];

/* Columns of one name that are about several benchmarks become their mean over the chosen ones. */
function columnsOver(over) {
    const byName = new Map();
    for (const column of data.columns) {
        if (column.benchmark !== null && !over.includes(column.benchmark)) continue;
        if (!byName.has(column.name)) byName.set(column.name, []);
        byName.get(column.name).push(column);
    }
    return [...byName].map(([name, parts]) => ({
        name, several: parts.length > 1, parts,
        values: names.map((_, i) => {
            const values = parts.map((part) => part.values[i]).filter(known);
            return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
        }),
    }));
}

/* Of the columns that eyechart knows, for readers who cannot hover. */
function columnMeanings(over) {
    const known = new Map();
    for (const { name } of columnsOver(over)) {
        const meaning = MEANINGS.find(([, text]) => text === meaningOf(name));
        if (meaning) known.set(meaning[0].endsWith("_") ? `${meaning[0]}\u2026` : meaning[0], meaning[1]);
    }
    return [...known].map(([name, meaning]) => el("li", {}, el("b", {}, name), ` ${meaning}`));
}

function columnsTable(over, order) {
    const numbers = columnsOver(over).map(({ name, several, parts, values }) => {
        const number = numbersLike(values);
        const meaning = [meaningOf(name), several ? `mean over ${parts.length} benchmarks` : null].filter(Boolean).join("; ");
        return {
            title: name, number: true, first: -1, why: meaning || "a column of this study",
            cell: (row) => {
                const error = parts.length === 1 ? parts[0].se[row.candidate] : null;
                return el("span", { title: known(error) ? `\u00b1 ${number(error)}` : null }, number(values[row.candidate]));
            },
            key: (row) => values[row.candidate],
        };
    });
    const rows = order.map((candidate, k) => ({ candidate, place: k + 1 }));
    const who = { title: "candidate", cell: (row) => el("span", { class: "name" }, names[row.candidate]), key: (row) => names[row.candidate].toLowerCase(), first: 1 };
    const place = { title: "#", cell: (row) => row.place, key: (row) => row.place, first: 1, number: true, why: "place in the ranking above" };
    return sortableTable({ columns: [place, who, ...numbers], rows, show: null, label: "Numbers beside A and C", className: "columns" });
}
