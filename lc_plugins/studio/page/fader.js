/** A fader with two ends on a histogram: what is wanted of a value, and where the model's outputs lie. */

import { choice, el, svg } from "./html.js";
import { T, wanted } from "./text.js";
import { asKind, endsOf, kindOf, tidy } from "./wants.js";

const STEPS = 200; // of a fader whose values are not whole steps
const TALL = 40; // of the picture of a histogram

/** Heights of a histogram, 0 to 1: square roots, so that rare values show. */
function heights(counts) {
  const most = Math.max(...counts);
  return counts.map((count) => (most ? Math.sqrt(count / most) : 0));
}

function outline(counts) {
  const points = heights(counts).map((height, index) => {
    const top = (TALL * (1 - height)).toFixed(1);
    return `V${top}H${index + 1}`;
  });
  return `M0 ${TALL}${points.join("")}V${TALL}Z`;
}

export class Fader {
  /**
   * @param {object} about
   * @param {string} about.id unique on the page
   * @param {string} about.title the rule's name
   * @param {object} about.rule what the catalogue says of it
   * @param {object} about.want
   * @param {(want: object) => void} about.moving while it is dragged
   * @param {() => void} about.moved when it was let go
   */
  constructor({ id, title, rule, want, moving, moved }) {
    Object.assign(this, { id, title, rule, want, moving, moved, leaf: null });
    this.axis = this.spread();
    this.bars = svg("svg", { class: "bars", preserveAspectRatio: "none", "aria-hidden": "true" });
    this.frame = el("div", { class: "frame" });
    this.span = el("div", { class: "span" });
    this.ends = ["low", "high"].map((end) => this.range(end));
    this.track = el(
      "div",
      { class: this.yesNo ? "track low" : "track" },
      this.bars,
      this.span,
      this.frame,
      ...this.ends,
    );
    this.track.addEventListener("pointerdown", (event) => this.grab(event));
    this.fields = el("div", { class: "fields" });
    this.words = el("p", { class: "reach", id: `${id}-reach` }, T.toldSoon);
    this.node = el("div", { class: "fader" }, this.head(), this.track, this.words);
    this.draw();
  }

  get yesNo() {
    return this.rule.unit === "0 or 1";
  }

  /** What stands above the track: yes or no, or the kind of want with its numbers. */
  head() {
    if (this.yesNo) {
      const yes = () => (endsOf(this.want)[0] ?? 0) > 0.5;
      const radio = (on, want) =>
        el(
          "label",
          {},
          el("input", {
            type: "radio",
            id: `${this.id}-${on}`,
            name: `${this.id}-yes`,
            checked: yes() === on,
            "aria-describedby": `${this.id}-reach`,
            on: { change: () => this.set(want, true) },
          }),
          el("span", {}, on ? T.yes : T.no),
        );
      return el(
        "fieldset",
        { class: "setting" },
        el("legend", { class: "hidden" }, `${this.title}: ${T.want}`),
        el("div", { class: "radios" }, radio(true, { at_least: 1 }), radio(false, { at_most: 0 })),
      );
    }
    const kinds = Object.entries(T.kinds);
    const change = (kind) => this.set(asKind(kind, endsOf(this.want), this.axis), true);
    const kind = choice(T.want, kinds, kindOf(this.want), change, {
      id: `${this.id}-kind`,
      "aria-label": `${this.title}: ${T.want}`,
    });
    kind.firstChild.className = "hidden";
    return el("div", { class: "wants" }, kind, this.fields);
  }

  /** One end of the fader: a native range, so that keys and screen readers know it. */
  range(end) {
    const input = el("input", {
      type: "range",
      class: end,
      id: `${this.id}-${end}`,
      "aria-describedby": `${this.id}-reach`,
    });
    input.addEventListener("input", () => this.pull(end, Number(input.value)));
    input.addEventListener("change", () => {
      this.draw();
      this.moved();
    });
    return input;
  }

  /** An end was pulled to a value. */
  pull(end, value) {
    const [low, high] = endsOf(this.want);
    const kind = kindOf(this.want);
    let want = { [kind]: tidy(value) };
    if (kind === "between")
      want = { between: end === "low" ? [value, Math.max(value, high)] : [Math.min(low, value), value] };
    if (kind === "target") want = { target: this.want.target, tolerance: tidy(Math.abs(value - this.want.target)) };
    this.set(want, false);
  }

  /** A press on the histogram takes the nearer end there, and along. */
  grab(event) {
    if (this.yesNo || event.target.matches("input")) return;
    const box = this.track.getBoundingClientRect();
    const valueAt = (x) => {
      const exact = this.axis[0] + Math.min(1, Math.max(0, (x - box.left) / box.width)) * (this.axis[1] - this.axis[0]);
      return tidy(this.axis[0] + Math.round((exact - this.axis[0]) / this.step) * this.step);
    };
    const value = valueAt(event.clientX);
    const shown = endsOf(this.want).map((end) => (end === null ? Infinity : Math.abs(end - value)));
    const end = shown[0] < shown[1] || (shown[0] === shown[1] && value < endsOf(this.want)[0]) ? "low" : "high";
    const move = ({ clientX }) => this.pull(end, valueAt(clientX));
    const drop = () => {
      this.track.removeEventListener("pointermove", move);
      this.moved();
    };
    move(event);
    this.track.setPointerCapture(event.pointerId);
    this.track.addEventListener("pointermove", move);
    this.track.addEventListener("lostpointercapture", drop, { once: true });
  }

  set(want, whole) {
    this.want = want;
    this.moving(want);
    this.draw();
    if (whole) this.moved();
  }

  /** The lowest and highest value of the track. */
  spread() {
    const { bars } = this.leaf ?? {};
    const [low, high] = this.rule.range ?? [null, null];
    const [from, to] = endsOf(this.want);
    const known = [this.leaf?.ends[0] ?? low, this.leaf?.ends[1] ?? high];
    const values = [known[0] ?? from ?? 0, known[1] ?? to ?? 1];
    if (bars || low === null || high === null)
      values.push(...[from, to].filter((end) => end !== null && Math.abs(end) < 1e8));
    const [least, most] = [Math.min(...values), Math.max(...values)];
    return least < most ? [least, most] : [least, least + 1];
  }

  get step() {
    return this.leaf?.step ?? (this.axis[1] - this.axis[0]) / STEPS;
  }

  share(value) {
    return Math.min(1, Math.max(0, (value - this.axis[0]) / (this.axis[1] - this.axis[0])));
  }

  /** Draw the wanted range, the two ends and their numbers; what is being typed stays unless it is `typed`. */
  draw(typed = false) {
    const kind = kindOf(this.want);
    const [low, high] = endsOf(this.want);
    this.frame.style.left = `${100 * this.share(low ?? this.axis[0])}%`;
    this.frame.style.right = `${100 * (1 - this.share(high ?? this.axis[1]))}%`;
    for (const [input, value, name] of [
      [this.ends[0], low, "low"],
      [this.ends[1], high, "high"],
    ]) {
      input.hidden = this.yesNo || value === null;
      if (value === null) continue;
      [input.min, input.max] = this.axis;
      input.step = this.step;
      if (Number(input.value) !== value) input.value = value;
      const end = T.ends[kind].length === 1 ? T.kinds[kind] : T.edges[name];
      input.setAttribute("aria-label", `${this.title}: ${end}`);
      input.setAttribute("aria-valuetext", T.valueText(value, this.rule.unit));
    }
    if (!this.yesNo) this.numbers(kind, typed);
  }

  /** The numbers to type, as many as the kind of want has. */
  numbers(kind, typed) {
    const values = kind === "target" ? [this.want.target, this.want.tolerance ?? 0] : [this.want[kind]].flat();
    if (this.fields.dataset.kind !== kind) {
      this.fields.dataset.kind = kind;
      const fields = T.ends[kind].map((name, index) => this.number(kind, name, index));
      this.fields.replaceChildren(...fields, el("span", { class: "unit" }, this.rule.unit ?? ""));
    }
    [...this.fields.querySelectorAll("input")].forEach((field, index) => {
      if (typed || field !== document.activeElement) field.value = values[index] ?? "";
    });
  }

  number(kind, name, index) {
    const field = el("input", {
      type: "number",
      step: "any",
      id: `${this.id}-number-${index}`,
      "aria-label": `${this.title}: ${name}`,
    });
    field.addEventListener("change", () => {
      const value = Number(field.value);
      if (field.value === "" || !Number.isFinite(value)) return this.draw(true);
      let want = { [kind]: value };
      if (kind === "between") {
        const pair = this.want.between.with(index, value);
        want = { between: pair[0] <= pair[1] ? pair : [value, value] };
      }
      if (kind === "target") want = { ...this.want, [index ? "tolerance" : "target"]: index ? Math.abs(value) : value };
      this.set(want, false);
      this.axis = this.spread();
      if (this.leaf) this.show(this.leaf);
      this.draw(true);
      return this.moved();
    });
    return field;
  }

  /** Show what the server says of this rule's values: histogram, reach. */
  show(leaf) {
    const held = this.track.matches(":active");
    this.leaf = leaf;
    if (!held) this.axis = this.spread();
    const { low, high, all, left } = leaf.bars;
    const width = (this.axis[1] - this.axis[0]) / ((high - low) / all.length || 1);
    const start = (this.axis[0] - low) / ((high - low) / all.length || 1);
    this.bars.setAttribute("viewBox", `${start} 0 ${width} ${TALL}`);
    this.bars.replaceChildren(
      svg("path", { class: "all", d: outline(all) }),
      svg("path", { class: "left", d: outline(left) }),
    );
    this.span.hidden = !leaf.span;
    if (leaf.span) {
      this.span.style.left = `${100 * this.share(leaf.span.low)}%`;
      this.span.style.right = `${100 * (1 - this.share(leaf.span.high))}%`;
    }
    const words = this.reach(leaf);
    if (this.words.textContent !== words) this.words.textContent = words;
    this.draw();
  }

  /** What is left under the other rules, in words. */
  reach({ span, bars, left }) {
    if (span) return T.reach(span);
    if (!left) return T.noReach;
    return this.yesNo ? T.shareYes(bars.left.at(-1) / left) : T.fewReach(left);
  }

  /** Go on showing what the fader showed that this one replaces, until the server says more. */
  inherit(other) {
    if (other?.leaf && other.rule === this.rule) this.show(other.leaf);
  }

  /** What is wanted now, in words. */
  get text() {
    if (this.yesNo) return (endsOf(this.want)[0] ?? 0) > 0.5 ? T.yes : T.no;
    return wanted(this.want, this.rule.unit);
  }
}
