/* The Vega specifications. Each function takes what it shows, the width in pixels and the colours, and
 * returns a specification whose data stand in it. */

/* ---- values of a candidate ---- */

/* A ranking's row for each candidate. */
function byCandidate(ranking) {
    const rows = new Array(names.length).fill(null);
    for (const row of ranking.rows || []) rows[row.candidate] = row;
    return rows;
}

const rankingOver = (b) => data.rankings.find((r) => r.over.length === 1 && r.over[0] === b);

/* What the law, fitted to benchmark b, gives at raw scores. */
function lawAt(law, a, c) {
    const u = (a - law.range.a_min) / (law.range.a_max - law.range.a_min || 1);
    const v = (c - law.range.c_min) / (law.range.c_max - law.range.c_min || 1);
    const [one, wa, wc, waa, wac, wcc] = law.w;
    return law.z_min + (law.z_max - law.z_min) * (one + wa * u + wc * v + waa * u * u + wac * u * v + wcc * v * v);
}

const MAX_POINTS = 1000; /* of one plot */
const CROWD = 150;       /* more points than that are small, and only measured ones have labels */

/* Candidates that the plots show: all, or the measured ones and then the first of the ranking. */
const drawn = (() => {
    if (names.length <= MAX_POINTS) return names.map((_, i) => i);
    const ranked = (data.rankings[0].rows || []).map((row) => row.candidate);
    const measured = ranked.filter((i) => data.candidates[i].n_measured > 0);
    return [...new Set([...measured, ...ranked])].slice(0, MAX_POINTS);
})();

/* The candidates of benchmark b, with all that hovering shows. */
function pointsOf(b) {
    const bench = data.benchmarks[b];
    const rows = byCandidate(rankingOver(b));
    const number = numbersLike(bench.z.concat(rows.map((row) => row && row.predicted)));
    const best = bestOf(b);
    return drawn.map((i) => {
        const name = names[i];
        const row = rows[i] || {};
        const measured = bench.z[i];
        const tipRows = [];
        if (known(measured)) tipRows.push(["measured", number(measured)]);
        if (known(row.predicted)) {
            tipRows.push(["predicted", number(row.predicted)],
                [`${percent(data.options.level)} interval`, `${number(row.low)} to ${number(row.high)}`]);
        }
        if (known(row.p_best)) tipRows.push(["chance of being best", percent(row.p_best)]);
        if (bench.law.left_out && known(bench.law.left_out[i]))
            tipRows.push(["law without it", number(bench.law.left_out[i])]);
        const withError = (value, error, digits) =>
            value.toFixed(digits) + (known(error) ? ` \u00b1 ${error.toFixed(digits)}` : "");
        if (known(bench.a[i])) tipRows.push(["A", withError(bench.a[i], bench.a_se[i], 4)]);
        const { c, c_se } = data.candidates[i];
        if (known(c)) tipRows.push([C_UNIT ? `C, ${C_UNIT}` : "C", withError(c, c_se, 2)]);
        return {
            name, i, a: bench.a[i], c, measured, predicted: row.predicted, low: row.low, high: row.high,
            a_se: bench.a_se[i], c_se, left: bench.law.left_out ? bench.law.left_out[i] : null,
            best: best === i, number,
            tip: { title: name, rows: tipRows },
            describe: `${name}: ${tipRows.map((pair) => pair.join(" ")).join(", ")}`,
        };
    }).sort((p, q) => known(p.measured) - known(q.measured)); /* those measured are drawn on top */
}

/* The best measured candidate of benchmark b, or -1. */
function bestOf(b) {
    const { z, direction } = data.benchmarks[b];
    return z.reduce((best, value, i) =>
        known(value) && (best < 0 || direction * value > direction * z[best]) ? i : best, -1);
}

/* ---- pieces that several plots share ---- */

function padded([low, high], below, above = below) {
    const span = high - low || Math.abs(high) || 1;
    return [low - below * span, high + above * span];
}

const linear = (name, domain, range) => ({ name, type: "linear", domain, range, zero: false, nice: false });

const axes = (x, y, grid) => [
    { orient: "bottom", scale: "x", title: x, grid, tickCount: 6 },
    { orient: "left", scale: "y", title: y, grid, tickCount: 6 },
];

/* How many characters the axis labels of a domain take. */
function axisCharacters([low, high]) {
    const digits = Math.min(Math.max(Math.ceil(-Math.log10((high - low) / 6 || 1)), 0), 6);
    const format = { minimumFractionDigits: digits, maximumFractionDigits: digits };
    return Math.max(...[low, high].map((value) => value.toLocaleString("en", format).length));
}

/* The common frame of a scatter plot: two linear scales whose pixels we know, so that labels can be
 * placed here; `top` leaves room for a legend. Gives each point its pixels px, py and those of its errors, ex, ey. */
function scatter(points, x, y, domains, width, top) {
    const left = Math.ceil(34 + 6.5 * axisCharacters(domains.y));
    const padding = { left, right: 6, top, bottom: 42 };
    const inner = {
        width: width - left - padding.right,
        height: Math.round(Math.min(Math.max(0.66 * width, 220), 430)),
    };
    const place = (value, [low, high], length) => ((value - low) / (high - low)) * length;
    for (const p of points) {
        p.px = place(p[x], domains.x, inner.width);
        p.py = inner.height - place(p[y], domains.y, inner.height);
        /* half the length of its error bars */
        p.ex = ((p[`${x}_se`] || 0) / (domains.x[1] - domains.x[0])) * inner.width;
        p.ey = ((p[`${y}_se`] || 0) / (domains.y[1] - domains.y[0])) * inner.height;
    }
    return {
        ...inner, padding, autosize: "none",
        data: [{ name: "candidates", values: points }],
        scales: [linear("x", domains.x, "width"), linear("y", domains.y, "height")],
    };
}

const pen = document.createElement("canvas").getContext("2d");

/* Puts the label of each point where it covers neither a point nor another label, and drops it where
 * there is no such place (hovering still tells the name). Greedy, in the order of several that drops
 * the fewest. Gives p.lx, p.ly, the middle of its left end. */
function placeLabels(points, frame, fontSize, pointRadius) {
    if (points.length > CROWD) {
        placeLabels(points.filter((p) => known(p.measured)).slice(0, CROWD), frame, fontSize, pointRadius);
        return;
    }
    const orders = [(u, v) => (v.best || 0) - (u.best || 0), (u, v) => v.px - u.px, (u, v) => u.px - v.px,
        (u, v) => v.py - u.py, (u, v) => u.py - v.py];
    const tries = orders.map((order) => labelPlaces([...points].sort(order), frame, fontSize, pointRadius));
    const most = Math.max(...tries.map((places) => places.size));
    for (const [p, [x, y]] of tries.find((places) => places.size === most)) {
        p.lx = x;
        p.ly = y;
    }
}

const LONG_ERROR = 60; /* pixels; at the end of a longer bar a label would stand for nothing */

function labelPlaces(points, frame, fontSize, pointRadius) {
    pen.font = `600 ${fontSize}px system-ui, sans-serif`;
    const around = (p, x, y) => [p.px - x, p.py - y, p.px + x, p.py + y];
    const boxes = points.flatMap((p) => [around(p, pointRadius, pointRadius), around(p, p.ex, 1), around(p, 1, p.ey)]);
    const free = ([x0, y0, x1, y1]) => x0 >= 0 && y0 >= -2 && x1 <= frame.width && y1 <= frame.height
        && boxes.every((b) => x1 <= b[0] || b[2] <= x0 || y1 <= b[1] || b[3] <= y0);
    const height = fontSize + 2;
    const places = new Map();
    for (const p of points) {
        const width = pen.measureText(p.label).width;
        const beside = Math.max(pointRadius, Math.min(p.ex, LONG_ERROR)) + 3, over = Math.max(pointRadius, Math.min(p.ey, LONG_ERROR)) + 3;
        const right = p.px + beside, left = p.px - beside - width, middle = p.py - height / 2;
        const above = p.py - over - height, below = p.py + over;
        const at = [[right, middle], [left, middle], [p.px - width / 2, above], [p.px - width / 2, below],
            [right - 4, above + 4], [right - 4, below - 4], [left + 4, above + 4], [left + 4, below - 4],
            [p.px - 6, above], [p.px - 6, below], [p.px + 6 - width, above], [p.px + 6 - width, below]]
            .find(([x, y]) => free([x, y, x + width, y + height]));
        if (!at) continue;
        boxes.push([at[0], at[1], at[0] + width, at[1] + height]);
        places.set(p, [at[0], at[1] + height / 2]);
    }
    return places;
}

/* Filled where measured, hollow where predicted. */
function pointMarks(source, x, y, colours, size = 64) {
    return {
        type: "symbol", name: "points", from: { data: source }, description: "candidates",
        encode: {
            enter: {
                x: { scale: "x", field: x }, y: { scale: "y", field: y }, size: { value: size },
                fill: [{ test: "isValid(datum.measured)", value: colours.ink }, { value: colours.paper }],
                stroke: [{ test: "isValid(datum.measured)", value: colours.paper }, { value: colours.predicted }],
                strokeWidth: [{ test: "isValid(datum.measured)", value: 1 }, { value: size > 40 ? 2 : 1 }],
                tooltip: { field: "tip" }, description: { field: "describe" },
                ariaRoleDescription: { value: "point" }, cursor: { value: "pointer" },
            },
            update: { size: { value: size } },
            hover: { size: { value: 2.2 * size } },
        },
    };
}

/* The labels at the places that placeLabels found. */
function labelMarks(colours, fontSize) {
    return {
        type: "text", from: { data: "candidates" }, interactive: false, aria: false,
        encode: {
            enter: {
                text: { signal: "isValid(datum.lx) ? datum.label : ''" }, x: { field: "lx" }, y: { field: "ly" },
                baseline: { value: "middle" }, fontSize: { value: fontSize }, fill: { value: colours.ink },
                fontWeight: [{ test: "datum.best", value: "bold" }, { value: "normal" }],
            },
        },
    };
}

/* Round numbers that cut [low, high] into about n steps. */
function roundLevels(low, high, n) {
    const raw = (high - low) / n;
    const magnitude = 10 ** Math.floor(Math.log10(raw));
    const step = magnitude * [1, 2, 5, 10].find((m) => m * magnitude >= raw);
    const levels = [];
    for (let k = Math.ceil(low / step); k * step < high; k++) levels.push(Number((k * step).toPrecision(12)));
    return levels;
}

/* ---- the law over the plane of the two scores ---- */

function planeSpec(b, width, colours) {
    const bench = data.benchmarks[b];
    const points = pointsOf(b).filter((p) => known(p.a) && known(p.c));
    const wide = width >= 560;
    for (const p of points) {
        const value = known(p.measured) ? p.number(p.measured) : known(p.predicted)
            ? `${p.number(p.predicted)} (${p.number(p.low)} to ${p.number(p.high)})` : "";
        p.label = shortened(p.name, Math.max(8, Math.floor(width / 24))) + (wide && value ? ` ${value}` : "");
    }
    const domains = {
        x: padded(withErrors(points, "c"), 0.08, points.length > CROWD ? 0.08 : 0.26),
        y: padded(withErrors(points, "a"), 0.1),
    };
    const spec = scatter(points, "c", "a", domains, width, 34);
    const fontSize = wide ? 12 : 10.5, size = points.length > CROWD ? 20 : wide ? 80 : 56;
    placeLabels(points, spec, fontSize, Math.sqrt(size) / 2);
    spec.description = `${bench.name}: the law over the scores C and A`;
    spec.axes = axes(`C (correspondence${C_UNIT ? `, ${C_UNIT}` : ""})`, "A (alignment)", false);
    spec.marks = [
        ...["c", "a"].map((score) => errorRules(score, colours)),
        pointMarks("candidates", "c", "a", colours, size), labelMarks(colours, fontSize),
    ];
    if (bench.law.w && !openIn(bench.law)) addContours(spec, bench, measuredHull(points), domains, colours);
    return spec;
}

/* The range of a score with its errors, of which long ones leave the plot. */
function withErrors(points, score) {
    const [low, high] = extent(points.map((p) => p[score]));
    const reach = (p) => Math.min(p[`${score}_se`] || 0, (high - low) / 2);
    return extent(points.flatMap((p) => [p[score] - reach(p), p[score] + reach(p)]));
}

/* One standard error of a score to either side. */
function errorRules(score, colours) {
    const [along, across, other] = score === "c" ? ["x", "y", "a"] : ["y", "x", "c"];
    return {
        type: "rule", from: { data: "candidates" }, clip: true, interactive: false, aria: false,
        encode: {
            enter: {
                [along]: { scale: along, signal: `datum.${score} - (datum.${score}_se || 0)` },
                [`${along}2`]: { scale: along, signal: `datum.${score} + (datum.${score}_se || 0)` },
                [across]: { scale: across, field: other }, stroke: { value: colours.soft },
            },
        },
    };
}

const MARGIN = 0.05; /* how far the law is drawn beyond the scores it was fitted to, as a share of their range */

/* The corners of the convex hull of points [x, y], around it. */
function hullOf(points) {
    const sorted = [...points].sort((p, q) => p[0] - q[0] || p[1] - q[1]);
    const turn = (o, p, q) => (p[0] - o[0]) * (q[1] - o[1]) - (p[1] - o[1]) * (q[0] - o[0]);
    const half = (order) => {
        const chain = [];
        for (const p of order) {
            while (chain.length > 1 && turn(chain[chain.length - 2], chain[chain.length - 1], p) <= 0) chain.pop();
            chain.push(p);
        }
        return chain.slice(0, -1);
    };
    return [...half(sorted), ...half(sorted.reverse())];
}

const isInside = (hull, x, y) => hull.every(([x0, y0], k) => {
    const [x1, y1] = hull[(k + 1) % hull.length];
    return (x1 - x0) * (y - y0) - (y1 - y0) * (x - x0) >= 0;
});

/* Where the law has results to stand on, in scores: the hull of the measured candidates, and the margin beyond. */
function measuredHull(points) {
    const measured = points.filter((p) => known(p.measured));
    const beyond = (score) => {
        const [low, high] = extent(measured.map((p) => p[score]));
        return MARGIN * (high - low || Math.abs(high) || 1);
    };
    const c = beyond("c"), a = beyond("a");
    return hullOf(measured.flatMap((p) => [[p.c - c, p.a - a], [p.c + c, p.a - a], [p.c - c, p.a + a], [p.c + c, p.a + a]]));
}

function addContours(spec, bench, hull, { x: [x0, x1], y: [y0, y1] }, colours) {
    /* One cell more on every side: contours close around the grid, out of sight. */
    const columns = 82, rows = 62;
    const along = (k, n) => (k - 0.5) / (n - 2);
    const values = [], seen = [];
    for (let r = 0; r < rows; r++) {
        const a = y1 - along(r, rows) * (y1 - y0);
        for (let k = 0; k < columns; k++) {
            const c = x0 + along(k, columns) * (x1 - x0);
            values.push(lawAt(bench.law, a, c));
            if (isInside(hull, c, a)) seen.push(values[values.length - 1]);
        }
    }
    const [low, high] = extent(seen);
    if (!(high > low)) return;
    const levels = roundLevels(low, high, 9);
    const cell = { width: spec.width / (columns - 2), height: spec.height / (rows - 2) };
    const corners = hull.map(([c, a]) =>
        `${(((c - x0) / (x1 - x0)) * spec.width).toFixed(2)},${((1 - (a - y0) / (y1 - y0)) * spec.height).toFixed(2)}`);
    spec.data.push({ name: "grid", values: [{ width: columns, height: rows, values }] }, {
        name: "contours", source: "grid",
        transform: [{
            type: "isocontour", thresholds: [Math.min(...values), ...levels], smooth: true,
            scale: [cell.width, cell.height], translate: [-cell.width, -cell.height],
        }],
    });
    spec.scales.push({
        name: "level", type: "linear", domain: [low, high], range: colours.ramp, interpolate: "rgb", zero: false, clamp: true,
    });
    spec.marks.unshift({
        type: "path", from: { data: "contours" }, interactive: false, clip: { path: `M${corners.join("L")}Z` }, aria: false,
        encode: {
            enter: {
                fill: { scale: "level", field: "contour.value" }, stroke: { value: colours.paper },
                strokeWidth: { value: 1 }, ariaRoleDescription: { value: "contour" },
            },
        },
        transform: [{ type: "geopath", field: "datum.contour" }],
    });
    spec.legends = [{
        fill: "level", orient: "top", direction: "horizontal", title: null, type: "gradient", offset: 6,
        gradientLength: Math.min(200, spec.width / 2), gradientThickness: 8,
        values: levels.filter((_, k) => k % Math.ceil(levels.length / 4) === 0),
    }];
}

/* ---- measured against left-out predictions ---- */

function leftOutSpec(b, width, colours) {
    const bench = data.benchmarks[b];
    const points = pointsOf(b).filter((p) => known(p.measured) && known(p.left));
    for (const p of points) p.label = shortened(p.name, Math.max(8, Math.floor(width / 24)));
    /* A law fitted to few points can be wrong without bound: such a point stands at the edge, as a
     * triangle, and does not squeeze the others together. */
    const measured = extent(points.map((p) => p.measured));
    const [lowest, highest] = padded(measured, 1);
    for (const p of points) {
        p.x = Math.min(Math.max(p.left, lowest), highest);
        p.shape = p.left < lowest ? "triangle-left" : p.left > highest ? "triangle-right" : "circle";
    }
    const domains = { x: padded(extent(points.map((p) => p.x).concat(measured)), 0.08), y: padded(measured, 0.08) };
    const spec = scatter(points, "x", "measured", domains, width, 8);
    placeLabels(points, spec, 10.5, 4);
    const dots = pointMarks("candidates", "x", "measured", colours, 56);
    dots.encode.enter.shape = { field: "shape" };
    spec.description = `${bench.name}: measured against predicted by the law fitted without the candidate`;
    spec.axes = axes("predicted without it", "measured", true);
    spec.marks = [
        {
            type: "rule", interactive: false, aria: false,
            encode: {
                enter: {
                    x: { scale: "x", value: domains.y[0] }, y: { scale: "y", value: domains.y[0] },
                    x2: { scale: "x", value: domains.y[1] }, y2: { scale: "y", value: domains.y[1] },
                    stroke: { value: colours.soft }, strokeDash: { value: [4, 3] },
                },
            },
        },
        dots, labelMarks(colours, 10.5),
    ];
    return spec;
}

/* ---- R squared ---- */

/* bars: [{label, r2, q2, random, mean}] from top to bottom. */
function qualitySpec(bars, title, width, colours) {
    const floor = -0.5; /* a left-out value can be arbitrarily bad; its number stands beside the bar */
    const shown = (value) => Math.max(value, floor);
    const rows = bars.flatMap((bar) => [["in-sample", bar.r2], ["left out", bar.q2]]
        .filter(([, value]) => known(value))
        .map(([kind, value]) => ({
            label: bar.label, kind, value, to: shown(value), mean: bar.mean,
            text: value < -9.9999 ? "<\u22121000" : (100 * value).toFixed(1).replace("-", "\u2212"),
            describe: `${bar.label}, ${kind}: ${(100 * value).toFixed(2)} %`,
            tip: {
                title: bar.label,
                rows: [["in-sample R\u00b2", `${(100 * bar.r2).toFixed(2)} %`],
                    ["left-out Q\u00b2", known(bar.q2) ? `${(100 * bar.q2).toFixed(2)} %` : "\u2013"],
                    ["random scores, expected", known(bar.random) ? `${(100 * bar.random).toFixed(2)} %` : "\u2013"]],
            },
        })));
    const low = Math.min(0, ...rows.map((row) => row.to));
    const left = Math.min(150, Math.round(width / 3));
    return {
        description: `${title}: in-sample and left out, %`,
        width, height: 40 * bars.length + 70,
        autosize: { type: "fit", contains: "padding" }, padding: 4,
        data: [{ name: "rows", values: rows },
            { name: "random", values: bars.filter((bar) => known(bar.random)) }],
        scales: [
            linear("x", [low, 1], "width"),
            { name: "y", type: "band", domain: bars.map((bar) => bar.label), range: "height", paddingInner: 0.25, paddingOuter: 0.1 },
            { name: "kind", type: "ordinal", domain: ["in-sample", "left out"], range: [colours.series[0], colours.series[1]] },
        ],
        axes: [
            { orient: "bottom", scale: "x", format: ".0%", grid: true, tickCount: 5 },
            { orient: "left", scale: "y", labelLimit: left, labelPadding: 6, domain: false, ticks: false },
        ],
        legends: [{ fill: "kind", orient: "top", direction: "horizontal", symbolType: "square" }],
        marks: [
            {
                type: "rect", from: { data: "rows" },
                encode: {
                    enter: {
                        x: { scale: "x", value: 0 }, x2: { scale: "x", field: "to" },
                        y: { scale: "y", field: "label", offset: { signal: "datum.kind === 'in-sample' ? 0 : bandwidth('y') / 2" } },
                        height: { signal: "bandwidth('y') / 2 - 1" },
                        fill: { scale: "kind", field: "kind" }, tooltip: { field: "tip" },
                        description: { field: "describe" }, ariaRoleDescription: { value: "point" },
                    },
                },
            },
            {
                type: "text", from: { data: "rows" }, interactive: false, aria: false,
                encode: {
                    enter: {
                        x: { signal: "width", offset: 46 }, align: { value: "right" }, baseline: { value: "middle" },
                        y: { scale: "y", field: "label", offset: { signal: "bandwidth('y') * (datum.kind === 'in-sample' ? 0.25 : 0.75)" } },
                        text: { field: "text" }, fontSize: { value: 11 }, fill: { value: colours.ink },
                    },
                },
            },
            {
                type: "rule", from: { data: "random" }, interactive: false, description: "expected of random scores",
                encode: {
                    enter: {
                        x: { scale: "x", field: "random" }, y: { scale: "y", field: "label", offset: -2 },
                        y2: { scale: "y", field: "label", offset: { signal: "bandwidth('y') + 2" } },
                        stroke: { value: colours.ink }, strokeWidth: { value: 1.5 }, strokeDash: { value: [2, 2] },
                    },
                },
            },
        ],
    };
}

/* ---- policies by number of finetunes ---- */

const policyShapes = ["circle", "square", "triangle-up", "diamond", "cross", "triangle-down"];
const policyDashes = [[1, 0], [6, 2], [2, 2], [8, 3, 2, 3], [4, 4], [1, 3]];

/* curves: [{name, values: [share after 1, 2, … finetunes]}] */
function curvesSpec(curves, title, width, colours) {
    const rows = curves.flatMap((curve) => curve.values
        .map((value, k) => ({
            policy: curve.name, k: k + 1, value,
            tip: { title: curve.name, rows: [["finetunes", `${k + 1}`], [title, `${(100 * value).toFixed(1)} %`]] },
            describe: `${curve.name}, ${counted(k + 1, "finetune")}: ${(100 * value).toFixed(1)} %`,
        })).filter((row) => known(row.value)));
    const policies = curves.map((curve) => curve.name);
    const most = Math.max(...rows.map((row) => row.k));
    const order = (scale) => ({ scale, field: "policy" });
    return {
        description: `${title}: chance by number of finetunes`,
        width, height: Math.round(Math.min(Math.max(0.7 * width, 280), 420)),
        autosize: { type: "fit", contains: "padding" }, padding: 4,
        data: [{ name: "rows", values: rows }],
        scales: [
            linear("x", [1, Math.max(most, 2)], "width"), linear("y", [0, 1], "height"),
            { name: "colour", type: "ordinal", domain: policies, range: colours.series },
            { name: "shape", type: "ordinal", domain: policies, range: policyShapes },
            { name: "dash", type: "ordinal", domain: policies, range: policyDashes },
        ],
        axes: [
            { orient: "bottom", scale: "x", title: "finetunes", tickMinStep: 1, format: "d", tickCount: Math.min(most, 13), grid: false },
            { orient: "left", scale: "y", format: ".0%", grid: true, tickCount: 5 },
        ],
        legends: [{
            stroke: "colour", shape: "shape", orient: "bottom", direction: "horizontal",
            columns: Math.max(2, Math.floor(width / 120)), symbolFillColor: colours.paper, symbolStrokeWidth: 2,
        }],
        marks: [{
            type: "group", from: { facet: { name: "line", data: "rows", groupby: "policy" } },
            marks: [
                {
                    type: "line", from: { data: "line" }, interactive: false, aria: false,
                    encode: {
                        enter: {
                            x: { scale: "x", field: "k" }, y: { scale: "y", field: "value" },
                            stroke: order("colour"), strokeDash: order("dash"), strokeWidth: { value: 2 },
                        },
                    },
                },
                {
                    type: "symbol", from: { data: "line" },
                    encode: {
                        enter: {
                            x: { scale: "x", field: "k" }, y: { scale: "y", field: "value" }, shape: order("shape"),
                            stroke: order("colour"), fill: { value: colours.paper }, strokeWidth: { value: 1.5 },
                            size: { value: 36 }, tooltip: { field: "tip" }, description: { field: "describe" },
                            ariaRoleDescription: { value: "point" },
                        },
                        update: { size: { value: 36 } }, hover: { size: { value: 110 } },
                    },
                },
            ],
        }],
    };
}

/* ---- summed performance ---- */

/* score: "c" or "mean_a". Joins the pairs that the paper compares. */
function sumsSpec(score, title, what, width, colours) {
    const number = numbersLike(data.sums);
    const points = data.candidates.map((candidate, i) => ({
        name: candidate.name, x: candidate[score], y: data.sums[i],
        measured: candidate.n_measured === data.benchmarks.length ? 1 : null,
        label: shortened(candidate.name, Math.max(8, Math.floor(width / 24))),
    })).map((p) => ({
        ...p, tip: { title: p.name, rows: [["sum", number(p.y)], [title, known(p.x) ? p.x.toFixed(4) : "\u2013"]] },
        describe: `${p.name}: summed performance ${number(p.y)}, ${title} ${known(p.x) ? p.x.toFixed(4) : "unknown"}`,
    }));
    const lines = data.joined.filter((pair) => pair.what === what)
        .map((pair) => ({ from: points[pair.from], to: points[pair.to] }))
        .filter(({ from, to }) => known(from.x) && known(from.y) && known(to.x) && known(to.y));
    for (const { from, to } of lines) from.best = to.best = true;
    const shown = drawn.map((i) => points[i]).filter((p) => known(p.x) && known(p.y));
    const domains = {
        x: padded(extent(shown.map((p) => p.x)), 0.08, 0.12), y: padded(extent(shown.map((p) => p.y)), 0.08),
    };
    const spec = scatter(shown, "x", "y", domains, width, 8);
    placeLabels(shown, spec, 11, 4);
    spec.description = `Summed performance against ${title}`;
    spec.data.push({ name: "lines", values: lines });
    spec.axes = axes(title, "summed performance", true);
    spec.marks = [
        {
            type: "rule", from: { data: "lines" }, interactive: false,
            encode: {
                enter: {
                    x: { scale: "x", field: "from.x" }, y: { scale: "y", field: "from.y" },
                    x2: { scale: "x", field: "to.x" }, y2: { scale: "y", field: "to.y" },
                    stroke: { value: colours.series[1] }, strokeWidth: { value: 2.5 },
                    ariaRoleDescription: { value: "pair" },
                    description: { signal: "datum.from.name + ' to ' + datum.to.name" },
                },
            },
        },
        pointMarks("candidates", "x", "y", colours, shown.length > CROWD ? 20 : 64), labelMarks(colours, 11),
    ];
    return spec;
}

/* ---- profiles ---- */

/* One small panel a candidate: its share of the span of each benchmark, all others in grey behind. */
function profileSpec(candidates, width, colours) {
    const columns = Math.max(2, Math.min(Math.floor(width / 190), candidates.length, 5));
    const gap = 30, left = 30, headroom = 24, panelHeight = 92;
    const panelWidth = Math.floor((width - left - 6 - (columns - 1) * gap) / columns);
    const panelX = (k) => left + (k % columns) * (panelWidth + gap);
    const panelY = (k) => headroom + Math.floor(k / columns) * (panelHeight + headroom);
    const benchmarks = data.benchmarks.map((bench) => bench.name);
    const bottom = 12 + 6 * Math.min(14, Math.max(...benchmarks.map((name) => name.length)));
    const say = (value) => (known(value) ? value.toFixed(2) : "\u2013");

    const rows = [];
    candidates.forEach((i, k) => benchmarks.forEach((name, b) => {
        const shares = { measured: data.profile.measured[b][i], predicted: data.profile.predicted[b][i] };
        for (const [kind, share] of Object.entries(shares)) {
            if (!known(share)) continue;
            rows.push({
                k, b, kind, share: Math.min(Math.max(share, -0.1), 1.1),
                tip: { title: names[i], rows: [["benchmark", name], ["measured", say(shares.measured)], ["predicted", say(shares.predicted)]] },
                describe: `${names[i]}, ${name}: ${kind} ${say(share)}`,
            });
        }
    }));
    const place = { x: { scale: "x", field: "b" }, y: { scale: "y", field: "share" } };
    const line = (source, encode) => ({
        type: "line", from: { data: source }, interactive: false, aria: false, encode: { enter: { ...place, ...encode } },
    });
    const only = (kind) => ({ name: kind, source: "panel", transform: [{ type: "filter", expr: `datum.kind === '${kind}'` }] });
    const dots = (source, encode) => ({
        type: "symbol", from: { data: source },
        encode: {
            enter: {
                ...place, ...encode, tooltip: { field: "tip" }, description: { field: "describe" },
                ariaRoleDescription: { value: "point" },
            },
            update: { size: { value: 22 } }, hover: { size: { value: 80 } },
        },
    });
    const lowest = candidates.slice(-columns).map((_, j) => Math.max(candidates.length - columns, 0) + j);
    return {
        description: "Profile of each candidate over the benchmarks: measured solid, predicted dashed",
        width, height: panelY(candidates.length - 1) + panelHeight + bottom, autosize: "none", padding: { left: 0, right: 0, top: 0, bottom: 0 },
        data: [
            { name: "rows", values: rows },
            { name: "behind", values: rows.filter((row) => row.kind === "measured") },
            { name: "panels", values: candidates.map((i, k) => ({ k, x: panelX(k), y: panelY(k), title: shortened(names[i], Math.max(8, Math.floor(panelWidth / 7))) })) },
            { name: "names", values: lowest.flatMap((k) => benchmarks.map((name, b) => ({ name, b, x: panelX(k), y: panelY(k) + panelHeight }))) },
        ],
        scales: [
            { name: "x", type: "point", domain: benchmarks.map((_, b) => b), range: [0, panelWidth], padding: 0.3 },
            linear("y", [-0.1, 1.1], [panelHeight, 0]),
        ],
        marks: [
            {
                type: "text", from: { data: "panels" }, interactive: false,
                encode: {
                    enter: {
                        text: { field: "title" }, x: { field: "x" }, y: { field: "y", offset: -6 },
                        fontSize: { value: 11 }, fontWeight: { value: "bold" }, fill: { value: colours.ink },
                    },
                },
            },
            {
                type: "text", from: { data: "names" }, interactive: false,
                encode: {
                    enter: {
                        text: { field: "name" }, limit: { value: 90 }, angle: { value: -60 }, align: { value: "right" },
                        baseline: { value: "middle" }, fontSize: { value: 10 }, fill: { value: colours.soft },
                        x: { scale: "x", field: "b", offset: { field: "x" } }, y: { field: "y", offset: 6 },
                    },
                },
            },
            {
                type: "group", from: { facet: { name: "panel", data: "rows", groupby: "k" } }, aria: false,
                encode: {
                    enter: {
                        x: { signal: `${left} + datum.k % ${columns} * ${panelWidth + gap}` },
                        y: { signal: `${headroom} + floor(datum.k / ${columns}) * ${panelHeight + headroom}` },
                        width: { value: panelWidth }, height: { value: panelHeight }, stroke: { value: colours.line },
                    },
                },
                signals: [{ name: "width", update: `${panelWidth}` }, { name: "height", update: `${panelHeight}` }],
                data: [only("measured"), only("predicted")],
                axes: [{ orient: "left", scale: "y", values: [0, 0.5, 1], grid: true, ticks: false, domain: false, labelFontSize: 10 }],
                marks: [
                    {
                        type: "group", from: { facet: { name: "other", data: "behind", groupby: "k" } },
                        interactive: false, aria: false,
                        marks: [line("other", { stroke: { value: colours.line }, strokeWidth: { value: 1 } })],
                    },
                    line("predicted", { stroke: { value: colours.predicted }, strokeWidth: { value: 1.5 }, strokeDash: { value: [4, 3] } }),
                    line("measured", { stroke: { value: colours.accent }, strokeWidth: { value: 2 } }),
                    dots("predicted", { fill: { value: colours.paper }, stroke: { value: colours.predicted }, strokeWidth: { value: 1.5 } }),
                    dots("measured", { fill: { value: colours.accent } }),
                ],
            },
        ],
    };
}
