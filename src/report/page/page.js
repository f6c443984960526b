/* The page: sections from the data, then the controls. */

const MAX_PANELS = 16;   /* benchmarks drawn at once; the choice at the top reaches the others */
const MAX_PROFILES = 30; /* candidates, best first */

const section = (id, title, note, ...children) =>
    el("section", { id }, el("h2", {}, title), note ? el("p", { class: "note" }, note) : null, ...children);

const panels = (...figuresOfIt) => el("div", { class: "panels" }, ...figuresOfIt);
const single = (...figuresOfIt) => el("div", { class: "single" }, ...figuresOfIt);

/* ---- the study in words ---- */

const missingOf = (candidate) => candidate.n_measured === 0;

/* The row that leads a ranking, if the ranking can tell anything. */
const firstOf = (rows) => rows.find((row) => [row.p_best, row.measured, row.predicted].some(known));

function headline() {
    const n = names.length, trained = data.n_observed;
    const all = data.rankings[0];
    const rows = all.rows || [];
    const first = firstOf(rows);
    const contenders = rows.filter((row) => known(row.p_best) && !row.separable && row !== first);
    const counting = all.over.filter((b) => !(all.left_out || []).includes(b));
    const over = counting.length === 1 ? data.benchmarks[counting[0]].name
        : `${counted(counting.length, "benchmark")} together`;

    const failed = data.candidates.filter((candidate) => missingOf(candidate) && candidate.failed).map((candidate) => candidate.name);
    const sentences = [`${counted(trained, "candidate")} of ${n} ${trained === 1 ? "has" : "have"} been finetuned.`];
    if (failed.length) sentences.push(`${listed(failed)} failed.`);
    if (first) {
        const how = known(first.measured) ? "measured" : trained ? "predicted" : "expected from the scores alone";
        sentences.push(`Over ${over}, ${names[first.candidate]} comes first (${how})`
            + (known(first.p_best) ? `: the chance that it is the best is ${percent(first.p_best)}.`
                : "; the model needs more results to tell how sure that is."));
        if (contenders.length)
            sentences.push(`At ${percent(data.options.level)} confidence it cannot be told from ${listed(contenders.map((row) => names[row.candidate]))}.`);
        else if (known(first.p_best) && n > 1)
            sentences.push(`At ${percent(data.options.level)} confidence no other candidate is as good.`);
    } else {
        sentences.push(`There is nothing to rank by yet: ${(all.why || "no candidate has both scores or a result").replace(/\.?$/, ".")}`);
    }
    return el("div", { class: "headline" },
        el("p", { class: "lead" }, sentences.join(" ")),
        el("p", {}, spending()),
        el("p", {}, el("b", {}, "Next: "), next(all)));
}

function spending() {
    const { spent, left, n_unknown } = data.hours;
    if (n_unknown === names.length) return "GPU-hours: the study does not say what a finetune costs.";
    const rest = n_unknown ? ` (${counted(n_unknown, "candidate")} without a known cost not counted)` : "";
    return `GPU-hours: ${hours(spent)} spent, ${hours(left)} to train all that is left${rest}.`;
}

/* What `eyechart rank` says last. */
function next({ decision }) {
    const left = data.candidates.filter(missingOf);
    const pending = left.filter((candidate) => candidate.pending);
    const open = left.filter((candidate) => !candidate.pending && !candidate.failed);
    if (!names.length) return "declare candidates in study.yaml.";
    if (!left.length) {
        return data.candidates.every((candidate) => candidate.n_measured === data.benchmarks.length)
            ? "nothing, every candidate has been finetuned and measured."
            : "measure the benchmarks that are still missing; every candidate has been finetuned.";
    }
    const asked = pending.length ? `Being finetuned now: ${listed(pending.map((candidate) => candidate.name))}. ` : "";
    if (!open.length) return [asked, pending.length ? "No other candidate is left." : "nothing, what is left has failed."];
    const path = /^[\w./@+-]+$/.test(data.study.path) ? data.study.path : `'${data.study.path.replace(/'/g, "'\\''")}'`;
    const command = data.study.builtin ? null : `eyechart ask ${path}`;
    return [decision ? `${decision.text} ` : "", asked,
        ...(command ? [el("code", {}, command), askSays(decision, pending.length > 0)] : [])];
}

/* A worker who has a candidate pending gets it again, whatever the ranking says. */
function askSays(decision, somePending) {
    if (data.study.policy !== "ei") return ` names the one to finetune next (policy ${data.study.policy}: ${data.study.policy_summary}).`;
    const toWhom = somePending ? ", to a worker who has none pending (--worker NAME)," : "";
    if (decision && decision.action === "stop") return ` says so too${toWhom} and exits with status 1.`;
    return somePending ? ` says the same${toWhom} and keeps the candidate for it.` : " says the same and keeps the candidate for you.";
}

function cards() {
    const all = data.rankings[0].rows || [];
    const first = firstOf(all);
    const contenders = all.filter((row) => known(row.p_best) && !row.separable);
    const card = (label, value, note) => el("div", { class: "card" }, el("span", {}, label), el("b", {}, value), el("small", {}, note));
    return el("div", { class: "cards" },
        card("finetuned", `${data.n_observed} of ${names.length}`, counted(data.benchmarks.length, "benchmark")),
        card("first", first ? shortened(names[first.candidate], 28) : "\u2013", first && known(first.p_best) ? `best with chance ${percent(first.p_best)}` : "not known yet"),
        card("could be the best", contenders.length ? `${contenders.length}` : "\u2013",
            contenders.length ? `at ${percent(data.options.level)} confidence` : "not known yet"),
        card("GPU-hours", data.hours.n_unknown === names.length ? "\u2013" : hours(data.hours.spent),
            data.hours.n_unknown === names.length ? "no costs declared" : `${hours(data.hours.left)} left`));
}

function warningBox() {
    if (!data.warnings.length) return null;
    return el("aside", { class: "warnings", "aria-label": "Warnings" },
        el("b", {}, data.warnings.length === 1 ? "Read this first" : "Read these first"),
        el("ul", {}, data.warnings.map((text) => el("li", {}, text))));
}

/* ---- sections ---- */

function rankingSection(choice) {
    const ranking = data.rankings[choice];
    const several = ranking.over.length !== 1;
    const unit = several
        ? `Percent of the full scale of each benchmark, and their weighted mean.${leftOut(ranking)}`
        : `In the units of ${ranking.name}; ${data.benchmarks[ranking.over[0]].direction > 0 ? "higher" : "lower"} is better.`;
    const note = `${unit} A finetuned candidate counts with its measured value, any other with the prediction and its `
        + `${percent(data.options.level)} interval. Marked rows cannot be told from the best.`
        + (scoresInWords() === "A and C" ? "" : ` It goes by the scores ${scoresInWords()}.`);
    return section("ranking", `Ranking: ${ranking.name}`, note,
        ranking.rows ? rankingTable(ranking) : instead("Ranking", ranking.why));
}

function leftOut({ left_out }) {
    if (!left_out || !left_out.length) return "";
    return ` Left out, with fewer than 2 different results of candidates that have their scores: ${listed(left_out.map((b) => data.benchmarks[b].name))}.`;
}

function columnsSection(choice) {
    const { over, rows } = data.rankings[choice];
    const order = rows ? rows.map((row) => row.candidate) : names.map((_, i) => i);
    const left = data.columns_left_out;
    return section("columns", "Numbers beside A and C",
        "Measured without labels by \u201ceyechart score\u201d, or imported. "
        + "\u201ceyechart rank --c-column NAME\u201d ranks by one of them in the place of C."
        + (left ? ` ${counted(left, "more column")}: \u201ceyechart study show --columns\u201d.` : ""),
        columnsTable(over, order), el("ul", { class: "policies" }, columnMeanings(over)));
}

/* A figure for each chosen benchmark, or the reason why not: draw(b) gives a figure, reason(b) a
 * sentence or null. One reason that holds for all stands once. */
function perBenchmark(over, draw, reason) {
    const shown = over.slice(0, MAX_PANELS);
    const reasons = shown.map(reason);
    if (shown.length > 1 && reasons[0] && reasons.every((each) => each === reasons[0]))
        return [instead(`All ${counted(shown.length, "benchmark")}`, reasons[0])];
    const wrap = shown.length > 1 ? panels : single;
    const rest = over.length - shown.length;
    return [wrap(shown.map((b, k) => (reasons[k] ? instead(data.benchmarks[b].name, reasons[k]) : draw(b)))),
        rest ? el("p", { class: "note" }, `${counted(rest, "more benchmark")}: choose one at the top of the page.`) : null];
}

function lawSection(over) {
    return section("law", "The law: performance over the two scores",
        `C says how well a candidate's features correspond between images${C_UNIT ? ` (${C_UNIT})` : ""}, A how well they align with language. The shading is `
        + `the fitted law (${lawInWords()}), drawn where the results determine it, between the measured candidates and ${Math.round(100 * MARGIN)}\u00a0% of their range beyond; points are candidates, filled where measured and ringed where predicted, the best measured in bold. Hover for values and intervals.`
        + (drawn.length < names.length ? ` Of ${names.length} candidates ${drawn.length} are drawn, the measured ones and those ranked first.` : ""),
        ...perBenchmark(over,
            (b) => figure(`law-${data.benchmarks[b].name}`, data.benchmarks[b].name, lawCaption(data.benchmarks[b].law),
                (width, colours) => planeSpec(b, width, colours)),
            (b) => (data.candidates.some((candidate, i) => known(candidate.c) && known(data.benchmarks[b].a[i])) ? null
                : "No candidate has both scores yet: write A and C into study.yaml, or import them.")));
}

const TERMS = { 1: "1", A: "a", C: "c", A2: "a\u00b2", AC: "ac", C2: "c\u00b2" };

/* Left out, a law can be wrong without bound; the figures then mean no more than that. */
const q2InWords = (q2) => (q2 < -9.9999 ? "Q\u00b2 below \u221210" : `Q\u00b2 ${known(q2) ? q2.toFixed(4).replace("-", "\u2212") : "\u2013"}`);

const lawInWords = () => {
    const law = data.benchmarks.map((bench) => bench.law).find((each) => each.terms);
    return `${law ? `least squares on ${law.terms.map((term) => TERMS[term]).join(", ")}` : `${data.options.law_model}, by least squares`}, scores scaled to 0\u20131`
        + (data.options.ridge ? `, ridge ${data.options.ridge}` : "");
};

/* With as many coefficients as results any fit is perfect. */
const tells = (law) => Boolean(law.quality) && law.quality.n > law.quality.n_terms;

/* What the results leave open of a law, as a sentence; null: nothing. */
function openIn(law) {
    const open = law.undetermined.map((term) => TERMS[term]);
    const results = counted(law.n, "result");
    if (open.length === law.terms.length) return `${results} determine none of the ${open.length} coefficients of the law.`;
    if (open.length) return `${results} do not determine ${listed(open)} of the law.`;
    return tells(law) ? null : `${results} are no more than the ${law.terms.length} coefficients of the law, so that any fit is perfect.`;
}

function lawCaption(law) {
    if (!law.w) return `No shading. ${law.why}`;
    const open = openIn(law);
    if (open) return `No shading: ${open}`;
    const q = law.quality;
    const parts = [counted(law.n, "result"), `R\u00b2 ${q.r2.toFixed(4)} in-sample`];
    if (known(q.loo_q2)) parts.push(`${q2InWords(q.loo_q2)} left out`);
    return `${parts.join("; ")}.`;
}

function leftOutSection(over) {
    return section("left-out", "Measured against left-out predictions",
        "Each candidate is predicted by the law fitted without it. On the dashed line the prediction is right; a triangle at the edge points to a prediction far outside.",
        ...perBenchmark(over,
            (b) => figure(`left-out-${data.benchmarks[b].name}`, data.benchmarks[b].name, leftOutCaption(data.benchmarks[b]),
                (width, colours) => leftOutSpec(b, width, colours)),
            (b) => {
                const { law } = data.benchmarks[b];
                if (!law.left_out) return law.why;
                if (openIn(law)) return openIn(law);
                return law.left_out.some(known) ? null
                    : `With ${counted(law.n, "result")} none can be left out: a fit needs two others.`;
            }));
}

function leftOutCaption({ law, z }) {
    const q = law.quality;
    return `${q2InWords(q.loo_q2)}, root mean square error ${numbersLike(z)(q.loo_rmse)}, `
        + `rank correlation ${known(q.loo_spearman) ? q.loo_spearman.toFixed(2).replace("-", "\u2212") : "\u2013"}.`;
}

function qualitySection(over) {
    const bars = over.map((b) => data.benchmarks[b]).filter((bench) => tells(bench.law))
        .map((bench) => ({ label: bench.name, r2: bench.law.quality.r2, q2: bench.law.quality.loo_q2, random: bench.law.quality.random_r2 }));
    const groups = data.groups.filter((group) => group.benchmarks.some((b) => over.includes(b)));
    const modelNames = {
        a: "A", c: "C", linear: "A, C", "a-quadratic": "A, A\u00b2", "c-quadratic": "C, C\u00b2", additive: "A, C, A\u00b2",
        quadratic: "A, C, A\u00b2, AC, C\u00b2",
    };
    const title = "R\u00b2 by benchmark";
    return section("quality", "How good the law is",
        "In-sample R\u00b2 flatters a model with many terms; the left-out value (Q\u00b2, negative when the plain mean predicts better) does not. "
        + "The dotted tick is the R\u00b2 that random scores would reach with as many terms.",
        panels(
            bars.length ? figure("quality", title, null, (width, colours) => qualitySpec(bars, title, width, colours))
                : instead(title, "No benchmark has more results than the law has coefficients; with as many, any fit is perfect."),
            groups.map((group) => {
                const models = group.models.filter((model) => known(model.r2) && model.random_r2 < 1)
                    .map((model) => ({ label: modelNames[model.model] || model.model, r2: model.r2, q2: model.loo_q2, random: model.random_r2 }));
                const heading = `R\u00b2 of models, mean over ${group.name}`;
                return models.length
                    ? figure(`models-${group.name}`, heading, `By the terms of the model; mean over ${counted(group.benchmarks.length, "benchmark")}.`,
                        (width, colours) => qualitySpec(models, heading, width, colours))
                    : instead(heading, "Not every benchmark of this group has the results that the models need.");
            })));
}

function recallSection(over) {
    const recall = data.recall;
    const title = "What a policy would have achieved";
    if (!recall.policies) return section("recall", title, null, instead("Recall by budget", recall.why));
    const mean = (rows) => rows[0].map((_, k) => {
        const values = over.map((b) => rows[b][k]).filter(known);
        return values.length ? values.reduce((sum, value) => sum + value, 0) / values.length : null;
    });
    const curves = (key) => recall.policies.map((policy) => ({ name: policy.name, values: mean(policy[key]) }));
    const note = `Each policy is replayed on the known results, ${recall.trials ? `in ${recall.trials} random trials (seed ${recall.seed})` : "in exact expectation over its random choices"}, `
        + `mean over ${over.length === 1 ? data.benchmarks[over[0]].name : counted(over.length, "benchmark")}. `
        + "No policy sees a result before it has paid for it, and nobody tells it when to stop.";
    const meanings = el("ul", { class: "policies" }, recall.policies.map((policy) => el("li", {}, el("b", {}, policy.name), ` ${policy.summary}`)));
    const plot = (key, heading, caption) => figure(`recall-${key}`, heading, caption,
        (width, colours) => curvesSpec(curves(key), heading, width, colours));
    return section("recall", title, note,
        panels(plot("recall", `Best among the top ${recall.top}`, "Chance that the true best candidate is among the first of the ranking after so many finetunes; measured values where trained."),
            plot("trained", "Best finetuned", "Chance that the true best candidate has itself been finetuned within so many runs.")),
        meanings);
}

function sumsSection() {
    const n = data.benchmarks.length;
    const title = "Summed performance";
    const drawn = (score) => data.sums.some((sum, i) => known(sum) && known(data.candidates[i][score]));
    const plot = (score, name, what) => drawn(score)
        ? figure(`sums-${what}`, `Against ${name}`, jointCaption(what), (width, colours) => sumsSpec(score, name, what, width, colours))
        : instead(`Against ${name}`, "No candidate has the score and values for all benchmarks.");
    return section("sums", title,
        `The sum over ${counted(n, "benchmark")} of performance scaled to 0\u20131 between the worst candidate and the best; measured, or predicted where a candidate is ringed.`,
        panels(plot("c", C_UNIT ? `C, ${C_UNIT}` : "C", "resolution"), plot("mean_a", "mean A", "combination")));
}

function jointCaption(what) {
    const number = numbersLike(data.sums);
    const pair = data.joined.find((each) => each.what === what);
    if (!pair || !known(data.sums[pair.from]) || !known(data.sums[pair.to])) return null;
    const change = what === "resolution" ? "Higher resolution" : "Combining encoders";
    return `${change}: ${names[pair.from]} ${number(data.sums[pair.from])}, ${names[pair.to]} ${number(data.sums[pair.to])}.`;
}

function profileSection() {
    const order = (data.rankings[0].rows || []).map((row) => row.candidate);
    const drawn = order.filter((i) => data.profile.measured.some((row) => known(row[i])) || data.profile.predicted.some((row) => known(row[i])));
    const shown = drawn.slice(0, MAX_PROFILES);
    const note = "Performance on each benchmark, scaled to 0\u20131 between the worst candidate and the best. Solid: measured; dashed: predicted "
        + "(for a measured candidate by the law fitted without it); grey: the other candidates.";
    return section("profiles", "Profile of each candidate", note,
        shown.length ? el("div", {}, figure("profiles", `Profiles${drawn.length > shown.length ? `, first ${shown.length} of ${drawn.length}` : ""}`, null,
            (width, colours) => profileSpec(shown, width, colours)))
            : instead("Profiles", "Nothing is measured yet, so there is no scale to draw a profile on."));
}

function picturesSection() {
    const left = data.pictures_left_out.map(({ file, why }) => `${file} (${why})`);
    return section("pictures", "Pictures",
        "What encoders take for the same, drawn by \u201ceyechart show\u201d from images of this study.",
        data.pictures.map((picture) => el("figure", { class: "picture" }, el("h3", {}, picture.title),
            el("img", { src: picture.uri, width: picture.width, height: picture.height, alt: picture.title }),
            el("figcaption", {}, picture.description.split("\n").filter(Boolean).map((line) => el("p", {}, line)),
                el("p", {}, el("code", {}, `pictures/${picture.file}`))))),
        left.length ? el("p", { class: "note" }, `Left out: ${left.join("; ")}.`) : null);
}

/* What the rankings go by. */
function scoresInWords() {
    return listed(data.options.columns.map(({ name, weight }) => weight === 1 ? name : `${name} (weight ${weight})`));
}

function provenance() {
    const { study, made, options } = data;
    const rows = [
        ["program", data.program], ["made", made.time], ["command", made.command],
        ["study", study.builtin ? `${study.name} (built in)` : `${study.name}, ${study.path}`],
        ["digest of the data", made.digest],
        ["policy", `${study.policy}, seed ${study.seed}`],
        ["ranking", options.model === "gp"
            ? "Gaussian process around \u201cmore of every score is better\u201d, averaged over 27 settings of length, noise and strength by how likely they make the results"
            : "the fitted law"],
        ["scores ranked by", scoresInWords()],
        ["law", `y = ${lawInWords()}; min-max over all candidates`],
        ["intervals and chances", `${percent(options.level)}; ${options.n_samples} joint samples, seed ${options.seed}`],
        ["source of the law", "Yang et al., \u201cLaw of Vision Representation in MLLMs\u201d, arXiv:2408.16357"],
        ["plots", "Vega (BSD-3-Clause), inlined; its notice is at the top of this file's source"],
    ];
    return section("provenance", "Provenance", null,
        el("dl", { class: "facts" }, rows.filter(([, value]) => value).flatMap(([name, value]) => [el("dt", {}, name), el("dd", {}, value)])));
}

/* ---- the whole ---- */

const hasPictures = data.pictures.length + data.pictures_left_out.length > 0;
const hasColumns = data.columns.length > 0;
const sections = [["ranking", "Ranking"], ...(hasColumns ? [["columns", "Columns"]] : []), ["law", "Law"], ["left-out", "Left out"], ["quality", "R\u00b2"], ["recall", "Policies"],
    ["sums", "Sums"], ["profiles", "Profiles"],
    ...(hasPictures ? [["pictures", "Pictures"]] : []), ["provenance", "Provenance"]];

function build(choice) {
    const over = data.rankings[choice].over;
    document.getElementById("report").replaceChildren(
        el("h1", {}, data.study.name), ...[warningBox()].filter(Boolean), cards(), headline(),
        el("nav", { "aria-label": "Sections" }, sections.map(([id, title]) => el("a", { href: `#${id}` }, title))),
        rankingSection(choice), ...(hasColumns ? [columnsSection(choice)] : []), lawSection(over), leftOutSection(over), qualitySection(over), recallSection(over),
        sumsSection(), profileSection(), ...(hasPictures ? [picturesSection()] : []), provenance());
    forgetFigures();
    drawAll();
}

const pick = document.getElementById("pick");
data.rankings.forEach((ranking, k) => pick.append(el("option", { value: k }, ranking.name)));
pick.addEventListener("change", () => build(Number(pick.value)));

const dark = matchMedia("(prefers-color-scheme: dark)");
const toggle = document.getElementById("theme");
let chosen = null; /* the reader's own choice, else the system's */
function repaint(name) {
    paint(name);
    toggle.textContent = name === "dark" ? "light" : "dark";
    toggle.setAttribute("aria-label", `Switch to ${toggle.textContent} colours`);
    drawAll();
}
const wanted = () => chosen || (dark.matches ? "dark" : "light");
toggle.addEventListener("click", () => repaint((chosen = wanted() === "dark" ? "light" : "dark")));
dark.addEventListener("change", () => repaint(wanted()));
/* Paper is white. */
addEventListener("beforeprint", () => repaint("light"));
addEventListener("afterprint", () => repaint(wanted()));

let settling = 0;
addEventListener("resize", () => {
    clearTimeout(settling);
    settling = setTimeout(() => {
        for (const each of figures) if (each.plot.clientWidth !== each.width) draw(each);
    }, 150);
});
addEventListener("scroll", () => showTip(null), { passive: true });

document.title = `${data.study.name} \u2013 eyechart report`;
repaint(wanted());
build(0);
