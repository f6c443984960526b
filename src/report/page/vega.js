/* Vega, put together from Debian's one-module-a-file AMD builds.
 *
 * The build wraps each file as vegaModules[name] = function (define) {…}. A module runs when
 * something first requires it, and the plain names that the page uses come together here as in
 * Vega's own packages/vega/index.js. Expressions are interpreted, not compiled, so that the page's
 * security policy can forbid eval. */
const vega = (() => {
    const loaded = {};
    /* vega-functions asks for vega-selections; Debian's file is called vega-selection. */
    const alias = { "vega-selections": "vega-selection" };
    /* Only geographic map projections, which no plot here has, look inside this one. */
    const absent = { "d3-geo-projection": {} };

    function require(asked) {
        const name = alias[asked] || asked;
        if (absent[name]) return absent[name];
        if (loaded[name]) return loaded[name];
        if (!vegaModules[name]) throw new Error(`the page was built without ${name}`);
        const exports = (loaded[name] = {});
        const define = (names, factory) =>
            factory(...names.map((n) => (n === "exports" ? exports : require(n))));
        define.amd = true;
        vegaModules[name](define);
        return exports;
    }

    Object.assign(require("vega-dataflow").transforms, require("vega-transforms"),
        require("vega-view-transforms"), require("vega-encode"), require("vega-geo"));
    return {
        parse: require("vega-parser").parse,
        View: require("vega-view").View,
        interpreter: require("vega-interpreter").expressionInterpreter,
    };
})();
