/** The spec as YAML: it follows the controls, can be edited, and shows mistakes at their lines. */

import { button, el } from "./html.js";
import { T } from "./text.js";

export class SpecPane {
  constructor(app, host) {
    this.app = app;
    this.text = el("textarea", {
      id: "yaml",
      spellcheck: "false",
      wrap: "off",
      autocomplete: "off",
      autocapitalize: "off",
      "aria-label": T.yaml,
      "aria-describedby": "problems",
    });
    this.lines = el("div", { class: "lines", "aria-hidden": "true" });
    this.problems = el("ul", { class: "problems", id: "problems" });
    this.outcome = el("div", { class: "outcome", role: "status" });
    this.text.addEventListener("input", () => {
      this.mark([]);
      app.asks.edit(this.text.value);
    });
    this.text.addEventListener("scroll", () => (this.lines.scrollTop = this.text.scrollTop));
    this.link = el("a", { class: "action", id: "save-spec", download: "spec.yaml" }, T.saveSpec);
    host.append(
      el("h2", { class: "hidden" }, T.yaml),
      el("p", { class: "soft" }, T.yamlHelp),
      el("div", { class: "editor" }, this.lines, this.text),
      this.problems,
      el(
        "div",
        { class: "row" },
        this.link,
        button(T.run, () => app.run(), { id: "run", class: "action" }),
      ),
      this.outcome,
    );
  }

  /** Show what the server says of the spec; the user's own text stays. */
  show({ yaml, problems }, own) {
    if (!own && yaml !== null && yaml !== undefined && this.text.value !== yaml) this.text.value = yaml;
    this.link.href = this.app.address("spec.yaml");
    this.mark(problems ?? []);
  }

  mark(problems) {
    const bad = new Set(problems.map((one) => one.line));
    const lines = this.text.value.split("\n");
    this.lines.replaceChildren(
      ...lines.map((_, index) => el("div", { class: bad.has(index + 1) ? "line bad" : "line" }, String(index + 1))),
    );
    this.lines.scrollTop = this.text.scrollTop;
    this.text.setAttribute("aria-invalid", String(problems.length > 0));
    this.problems.replaceChildren(
      ...problems.map((one) =>
        el(
          "li",
          { class: "bad" },
          T.failed(one.line ? T.problem(one) : one.message, one.hint),
          one.line ? button(T.goTo, () => this.goTo(one), { class: "quiet" }) : null,
        ),
      ),
    );
  }

  goTo({ line, column }) {
    const before = this.text.value.split("\n").slice(0, line - 1);
    const at = before.reduce((sum, text) => sum + text.length + 1, 0) + Math.max(0, (column ?? 1) - 1);
    this.text.focus();
    this.text.setSelectionRange(at, at);
  }

  /** Tell how the run goes, or where its folder is. */
  told(message) {
    if (message.kind === "progress") this.outcome.textContent = message.text;
    if (message.kind === "error") this.outcome.textContent = T.failed(message.message, message.hint);
    if (message.kind !== "run") return;
    const link = message.report
      ? el(
          "a",
          { href: this.app.address(message.report.slice(1)), target: "_blank", rel: "noopener", id: "report" },
          T.report,
        )
      : null;
    this.outcome.replaceChildren(el("p", {}, T.runDone(message.folder)), link ?? "");
  }
}
