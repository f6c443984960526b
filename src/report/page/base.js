/* What every part of the page uses: the data, elements, numbers in words, colours, and figures that
 * draw a Vega specification. Text from the study reaches the page only as text nodes. */
const data = JSON.parse(document.getElementById("data").textContent);
const C_UNIT = data.c_unit; /* null: the study does not say */
const names = data.candidates.map((candidate) => candidate.name);

/* el("p", {class: "note"}, "text", child): an element. Attributes that are functions are listeners. */
function el(tag, attributes = {}, ...children) {
    const element = document.createElement(tag);
    for (const [name, value] of Object.entries(attributes)) {
        if (typeof value === "function") element.addEventListener(name, value);
        else if (value !== null && value !== false) element.setAttribute(name, value);
    }
    element.append(...children.flat().filter((child) => child !== null));
    return element;
}

/* ---- numbers in words ---- */

const known = (value) => typeof value === "number";

function extent(values) {
    const numbers = values.filter(known);
    return numbers.length ? [Math.min(...numbers), Math.max(...numbers)] : [0, 1];
}

/* Writes numbers of one column alike: about four figures of its span. */
function numbersLike(values) {
    const [low, high] = extent(values);
    const span = high - low || Math.abs(high) || 1;
    const digits = Math.min(Math.max(3 - Math.floor(Math.log10(span)), 0), 8);
    return (value) => (known(value) ? value.toFixed(digits).replace("-", "\u2212") : "\u2013");
}

function percent(chance) {
    if (!known(chance)) return "\u2013";
    if (chance > 0 && chance < 0.01) return "<1\u00a0%";
    if (chance < 1 && chance > 0.99) return ">99\u00a0%";
    return `${Math.round(100 * chance)}\u00a0%`;
}

const hours = (value) => value.toLocaleString("en", { maximumFractionDigits: 1 });
const counted = (n, noun) => `${n} ${noun}${n === 1 ? "" : "s"}`;

/* "A, B and C"; a long list ends in "and 7 more". */
function listed(words, most = 6) {
    const shown = words.length > most + 1 ? words.slice(0, most) : words;
    const rest = words.length - shown.length;
    const all = rest ? [...shown, `${rest} more`] : shown;
    return all.length < 2 ? all.join("") : `${all.slice(0, -1).join(", ")} and ${all[all.length - 1]}`;
}

const shortened = (text, most) => (text.length > most ? `${text.slice(0, most - 1)}\u2026` : text);

/* ---- colours: the Okabe-Ito palette, which colour-blind readers can tell apart ---- */

const themes = {
    light: {
        paper: "#ffffff", card: "#f6f8fa", ink: "#1b1f24", soft: "#57606a", line: "#d5dae0",
        accent: "#0067a3", predicted: "#b84a00", ramp: ["#f3f7fb", "#82b4dc"],
        series: ["#0072b2", "#d55e00", "#009e73", "#b3558e", "#b07900", "#6e7781"],
    },
    dark: {
        paper: "#0f141a", card: "#171e26", ink: "#e8edf2", soft: "#a3aeba", line: "#2f3944",
        accent: "#6cc0f5", predicted: "#ff9d5c", ramp: ["#17212c", "#2c6496"],
        series: ["#56b4e9", "#ff8c42", "#2bc79a", "#e59ac6", "#f2c14e", "#9aa4af"],
    },
};
let theme = themes.light;

function vegaConfig(colours) {
    const font = "system-ui, sans-serif";
    return {
        background: colours.paper,
        axis: {
            labelColor: colours.soft, titleColor: colours.soft, gridColor: colours.line,
            domainColor: colours.line, tickColor: colours.line, labelFont: font, titleFont: font,
            titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 12, labelOverlap: true,
        },
        legend: {
            labelColor: colours.ink, titleColor: colours.soft, labelFont: font, titleFont: font,
            titleFontWeight: "normal", labelFontSize: 11, titleFontSize: 11, symbolSize: 60,
        },
        text: { font },
    };
}

/* ---- tooltips ---- */

const tip = document.getElementById("tip");

/* content: {title, rows: [[name, value], …]}, or null to hide. x, y in the window. */
function showTip(content, x, y) {
    tip.hidden = !content;
    if (!content) return;
    tip.replaceChildren(el("strong", {}, content.title),
        el("dl", {}, content.rows.map(([name, value]) => [el("dt", {}, name), el("dd", {}, value)]).flat()));
    const room = document.documentElement.clientWidth - tip.offsetWidth - 8;
    tip.style.left = `${Math.max(8, Math.min(x + 14, room))}px`;
    const above = y - tip.offsetHeight - 14;
    tip.style.top = `${above > 8 ? above : y + 20}px`;
}

/* ---- figures ---- */

const figures = [];

const parsed = (spec, colours) => vega.parse(spec, vegaConfig(colours), { ast: true });

function draw(figure) {
    const width = Math.floor(figure.plot.clientWidth);
    if (!width) return;
    if (figure.view) figure.view.finalize();
    figure.width = width;
    figure.view = new vega.View(parsed(figure.spec(width, theme), theme), {
        renderer: "svg", container: figure.plot, hover: true, expr: vega.interpreter,
        /* A view that goes away hides its tip, without an event. */
        tooltip: (handler, event, item, value) => (event ? showTip(value, event.clientX, event.clientY) : showTip(null)),
    }).run();
    /* One tab stop a figure: arrows then walk over its points. */
    figure.plot.firstElementChild.removeAttribute("role");
    figure.plot.querySelector("svg").setAttribute("focusable", "false");
}

/* Saved pictures leave the page: they say what they show, and are light and opaque whatever the page is. */
async function save(figure, type) {
    const width = Math.max(figure.width, 480);
    const spec = figure.spec(width, themes.light);
    spec.title = { text: spec.description, anchor: "start", color: themes.light.ink, fontSize: 13, limit: width - 80 };
    if (spec.autosize === "none") spec.padding = { ...spec.padding, top: spec.padding.top + 26 };
    const view = new vega.View(parsed(spec, themes.light), { renderer: "none", expr: vega.interpreter });
    const url = await view.toImageURL(type, 2);
    const stem = `${data.study.name}-${figure.name}`.replace(/[^\w.@+-]+/g, "-");
    el("a", { href: url, download: `${stem}.${type}` }).click();
    view.finalize();
}

/* Arrows move over the points of a figure and show what hovering shows. */
function walk(figure, event) {
    const step = { ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 }[event.key];
    if (event.key === "Escape") showTip(null);
    if (!step) return;
    const points = [...figure.plot.querySelectorAll("[aria-roledescription=point]")];
    if (!points.length) return;
    event.preventDefault();
    const at = points.indexOf(figure.at);
    figure.at = points[(at + step + points.length) % points.length];
    const box = figure.at.getBoundingClientRect();
    showTip(figure.at.__data__.tooltip || figure.at.__data__.datum.tip, box.right, box.top);
}

/* A figure with a caption and links that save it. spec(width, colours) returns the Vega specification. */
function figure(name, title, caption, spec) {
    const plot = el("div", {
        class: "plot", tabindex: 0, role: "group",
        "aria-label": `${title}. Arrow keys move over the points.`,
        keydown: (event) => walk(self, event), blur: () => showTip(null), mouseleave: () => showTip(null),
    });
    const self = { name, spec, plot, view: null, width: 0, at: null };
    const link = (type) => el("button", {
        type: "button", "aria-label": `Save ${title} as ${type.toUpperCase()}`, click: () => save(self, type),
    }, type.toUpperCase());
    figures.push(self);
    return el("figure", { id: `figure-${name}` },
        el("div", { class: "heading" }, el("h3", {}, title), el("span", { class: "save" }, link("svg"), link("png"))),
        plot, caption ? el("figcaption", {}, caption) : null);
}

/* In the place of a figure that cannot be drawn yet. */
const instead = (title, why) =>
    el("figure", { class: "missing" }, el("div", { class: "heading" }, el("h3", {}, title)), el("p", {}, why));

function drawAll() {
    for (const each of figures) draw(each);
}

/* Figures that have left the page are forgotten. */
function forgetFigures() {
    for (let i = figures.length - 1; i >= 0; i--) {
        if (figures[i].plot.isConnected) continue;
        if (figures[i].view) figures[i].view.finalize();
        figures.splice(i, 1);
    }
}

function paint(name) {
    theme = themes[name];
    document.documentElement.dataset.theme = name;
    for (const colour of ["paper", "card", "ink", "soft", "line", "accent", "predicted"])
        document.documentElement.style.setProperty(`--${colour}`, theme[colour]);
}
