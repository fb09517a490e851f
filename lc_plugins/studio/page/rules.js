/** The rules of the spec: a card for each, with the controls that the catalogue asks for. */

import { control, firstValue } from "./controls.js";
import { carry, entryAt, groupOf, holderOf, keyOf, placeOf, take } from "./entries.js";
import { Fader } from "./fader.js";
import { button, check, choice, el, hidden, icon, redraw } from "./html.js";
import { same } from "./state.js";
import { T } from "./text.js";
import { middleHalf, setWant, wantOf, widest } from "./wants.js";

/** What a docstring says of the rule itself, as paragraphs: its lines were broken for an editor. */
const flowing = (text) =>
  text
    .split(/^(?:Args|Raises|Returns|Examples?):/m)[0]
    .trim()
    .replace(/\n[ \t]*(?=[a-z0-9(`])/g, " ")
    .split("\n")
    .map(plain)
    .join("\n");

/** A line of a docstring without what only programmers need: `Return` and shapes. */
const plain = (line) => {
  const said = line.replace(/,? `\([A-Z, 0-9]*\)`/g, "").replace(/^Returns? /, "");
  return said.charAt(0).toUpperCase() + said.slice(1);
};

export class Rules {
  /**
   * @param {object} app
   * @param {{list: Element, add: Element, state: Element}} hosts
   */
  constructor(app, hosts) {
    Object.assign(this, { app, hosts, faders: new Map(), alone: new Map(), fresh: new Set(), drawn: 0 });
  }

  title(entry) {
    if (entry.label) return entry.label;
    const group = groupOf(entry);
    if (group) return T[group];
    if (entry.not) return `${T.notShort} ${this.title(entry.not)}`;
    return this.app.rules.get(entry.use)?.title ?? entry.use ?? "?";
  }

  /** Draw all cards, as the spec is now; what was asked before may be of other rules. */
  draw() {
    this.drawn += 1;
    const { constraints } = this.app.now.doc;
    redraw(this.hosts.list, () => {
      const before = this.faders;
      this.faders = new Map();
      this.alone.clear();
      if (!constraints?.length) return [el("p", { class: "soft" }, T.noRules)];
      const cards = constraints.map((entry, index) => this.card(entry, [index], entry));
      for (const [key, fader] of this.faders) fader.inherit(before.get(key));
      return cards;
    });
  }

  /** Draw the list of rules to add. */
  drawAdd() {
    const find = el("input", { type: "search", id: "find", placeholder: T.find, "aria-label": T.find });
    const buttons = [...this.app.rules.values()].map((rule) => {
      const content = el("span", {}, el("b", {}, rule.title), " ", el("span", { class: "soft" }, plain(rule.summary)));
      const words = `${rule.use} ${rule.title} ${rule.summary}`.toLowerCase();
      return button(content, () => this.add(rule), { class: "rule", "data-words": words });
    });
    const none = el("p", { class: "soft", hidden: true }, T.noneFound);
    find.addEventListener("input", () => {
      const words = find.value.toLowerCase().split(/\s+/);
      for (const one of buttons) one.hidden = !words.every((word) => one.dataset.words.includes(word));
      none.hidden = buttons.some((one) => !one.hidden);
    });
    find.addEventListener("keydown", (event) => {
      if (event.key === "Enter") buttons.find((one) => !one.hidden)?.click();
    });
    this.hosts.add.replaceChildren(el("h3", {}, T.add), find, el("div", { class: "rules" }, ...buttons, none));
  }

  /** A new entry of a rule; without a want of its own it waits for its histogram. */
  entryOf(rule, path) {
    const entry = { use: rule.use };
    const missing = rule.params.filter((param) => !("default" in param));
    if (missing.length) entry.params = Object.fromEntries(missing.map((param) => [param.name, firstValue(param)]));
    if (!rule.want) {
      setWant(entry, widest(rule));
      this.fresh.add(keyOf(path));
    }
    return entry;
  }

  add(rule) {
    this.app.edit(T.moves.added(rule.title), ({ doc }) => {
      doc.constraints ??= [];
      doc.constraints.push(this.entryOf(rule, [doc.constraints.length]));
    });
    this.hosts.list.lastElementChild.scrollIntoView({ block: "nearest" });
  }

  /** Change the entry of a path, as one move. */
  change(label, path, act) {
    this.app.edit(label, ({ doc }) => act(entryAt(doc, path), ...placeOf(doc, path)));
  }

  /**
   * The card of an entry.
   *
   * @param {object} entry
   * @param {(string|number)[]} path
   * @param {?object} top the entry of the list itself, if this is one or what it negates
   */
  card(entry, path, top) {
    if (entry.not) return this.card(entry.not, [...path, "not"], top);
    const title = this.title(entry);
    const id = `rule-${keyOf(path)}`;
    const marks = [];
    if (path.at(-1) === "not") marks.push(el("span", { class: "mark" }, T.notShort));
    if (top?.require === false) marks.push(el("span", { class: "mark" }, T.preferenceShort));
    const alone = el("p", { class: "alone" });
    if (top) this.alone.set(path[0], alone);
    const drop = button(icon("remove"), () => this.remove(path, title), {
      id: `${id}-remove`,
      class: "quiet",
      label: T.removeRule(title),
    });
    const body = groupOf(entry) ? this.group(entry, path) : this.leaf(entry, path);
    return el(
      "div",
      { class: "card", id, role: "group", "aria-label": title },
      el("header", {}, el("h3", {}, ...marks, title), drop),
      alone,
      ...body,
      this.more(entry, path, top, title),
    );
  }

  /** The settings and the fader of a rule. */
  leaf(entry, path) {
    const rule = this.app.rules.get(entry.use);
    if (!rule) return [el("p", { class: "soft" }, T.unknown(entry.use ?? JSON.stringify(entry)))];
    const id = `rule-${keyOf(path)}`;
    const title = this.title(entry);
    const settings = this.settings(entry, path, (param) => param.default !== null);
    const fader = new Fader({
      id,
      title,
      rule,
      want: wantOf(entry, rule) ?? widest(rule),
      moving: (want) => {
        this.fresh.delete(keyOf(path));
        this.app.draft(({ doc }) => setWant(entryAt(doc, path), want));
      },
      moved: () => this.app.commit(T.moves.wanted(title, fader.text)),
    });
    this.faders.set(keyOf(path), fader);
    return [...settings, fader.node];
  }

  /** Controls of a rule's settings; those that are unset by default stand under "Help and more". */
  settings(entry, path, which) {
    const id = `rule-${keyOf(path)}`;
    const title = this.title(entry);
    return (this.app.rules.get(entry.use)?.params ?? []).filter(which).map((param) => {
      const value = entry.params?.[param.name] ?? param.default;
      return control(`${id}-${param.name}`, param, value, (changed) => this.set(path, title, param, changed));
    });
  }

  /** Set a setting of a rule; one that is as by default is left out of the spec. */
  set(path, title, param, value) {
    this.change(T.moves.setting(title, param.title), path, (entry) => {
      entry.params = { ...entry.params, [param.name]: value };
      if ("default" in param && same(value, param.default)) delete entry.params[param.name];
      if (!Object.keys(entry.params).length) delete entry.params;
    });
  }

  group(entry, path) {
    const kind = groupOf(entry);
    const change = (other) =>
      this.change(T.moves.group(other === "any"), path, (one) => {
        one[other] = one[kind];
        delete one[kind];
      });
    const kinds = ["any", "all"].map((key) => [key, T[key]]);
    const which = choice(T.group, kinds, kind, change, { id: `rule-${keyOf(path)}-group` });
    const inside = entry[kind].map((one, index) => this.card(one, [...path, kind, index], null));
    return [which, el("div", { class: "inside" }, ...inside)];
  }

  /** Help, and what is seldom changed. */
  more(entry, path, top, title) {
    const id = `rule-${keyOf(path)}`;
    const rule = this.app.rules.get(entry.use);
    const parts = this.settings(entry, path, (param) => param.default === null);
    if (rule) parts.push(el("p", { class: "help" }, flowing(rule.help)));
    if (rule?.undefined) parts.push(el("p", {}, T.undefinedWhere(rule.undefined)));
    for (const param of rule?.params ?? [])
      if (param.help) parts.push(el("p", {}, `${param.title}: ${plain(param.help)}`));
    if (top) parts.push(...this.ofTop(path[0], top, id, title));
    if (groupOf(entry) || !holderOf(path)) {
      const options = [["", T.choose], ...[...this.app.rules.values()].map((one) => [one.use, one.title])];
      const text = groupOf(entry) ? T.orAdd : T.or;
      parts.push(choice(text, options, "", (use) => use && this.join(path, use), { id: `${id}-or` }));
    }
    const summary = el("summary", { id: `${id}-summary` }, T.more, hidden(`: ${title}`));
    return el("details", { id: `${id}-more` }, summary, ...parts);
  }

  /** What only an entry of the list itself has: not, preference, weight, name, place. */
  ofTop(place, top, id, title) {
    const change = (label, act) => this.app.edit(label, ({ doc }) => act(doc.constraints[place], doc.constraints));
    const not = (on) =>
      change(
        T.moves.not(title, on),
        (one, list) => (list[place] = on ? carry(one, { not: one }) : carry(one, one.not)),
      );
    const preference = (on) =>
      change(T.moves.preference(title, on), (one) => (on ? (one.require = false) : delete one.require));
    const weight = (text) =>
      change(T.moves.weight(title), (one) => {
        one.weight = Math.max(0, Number(text) || 0);
        if (one.weight === 1) delete one.weight;
      });
    const label = (text) =>
      change(T.moves.label(title), (one) => {
        one.label = text.trim();
        if (!one.label) delete one.label;
      });
    const shift = (by) =>
      change(T.moves.moved(title), (one, list) => list.splice(place + by, 0, ...list.splice(place, 1)));
    const field = (key, text, props, set) => {
      const input = el("input", { id: `${id}-${key}`, ...props, on: { change: () => set(input.value) } });
      return el("label", { class: "field" }, el("span", {}, text), input);
    };
    const move = (key, text, by, disabled) =>
      button(text, () => shift(by), { id: `${id}-${key}`, disabled, label: T.of(text, title) });
    return [
      check(T.not, Boolean(top.not), not, { id: `${id}-not` }),
      check(T.preference, top.require === false, preference, { id: `${id}-preference` }),
      field("weight", T.weight, { type: "number", min: 0, step: "any", value: top.weight ?? 1 }, weight),
      field("label", T.label, { type: "text", maxlength: 80, value: top.label ?? "" }, label),
      el(
        "div",
        { class: "row" },
        move("up", T.up, -1, place === 0),
        move("down", T.down, 1, place === this.app.now.doc.constraints.length - 1),
      ),
    ];
  }

  /** Put another rule beside an entry: into its group, or into a new one that holds both. */
  join(path, use) {
    const rule = this.app.rules.get(use);
    this.change(T.moves.or(rule.title), path, (entry, holder, place) => {
      const kind = groupOf(entry);
      if (kind) entry[kind].push(this.entryOf(rule, [...path, kind, entry[kind].length]));
      else holder[place] = carry(entry, { any: [entry, this.entryOf(rule, [...path, "any", 1])] });
    });
  }

  remove(path, title) {
    this.fresh.clear();
    this.app.edit(T.moves.removed(title), ({ doc }) => take(doc, path));
    (this.hosts.list.querySelector("button") ?? this.hosts.add.querySelector("input")).focus({ preventScroll: true });
  }

  /** Show what is wrong with the spec. */
  wrong(problems) {
    this.hosts.state.replaceChildren(
      ...problems.map((one) => el("p", { class: "bad" }, T.failed(one.message, one.hint))),
    );
  }

  /** Show what the server says of the rules: histograms, rarity, conflicts. */
  show(look) {
    for (const leaf of look.leaves) this.faders.get(keyOf(leaf.path))?.show(leaf);
    for (const [index, node] of this.alone) {
      const text = look.entries[index]?.text ?? "";
      node.textContent = text && T.alone(T.short(text));
      node.title = text;
    }
    const parts = [];
    const { every } = look;
    if (every) parts.push(el("p", { class: "every", title: every.text }, T.together(T.short(every.text))));
    for (const text of look.conflicts ?? []) parts.push(el("p", { class: "bad" }, text));
    for (const text of look.advice ?? []) parts.push(el("p", { title: text }, T.advice(T.short(text))));
    this.hosts.state.replaceChildren(...parts);
    this.settle(look);
  }

  /** Give rules that were added without a want the middle half of what is left. */
  settle(look) {
    const known = look.leaves.filter((leaf) => this.fresh.has(keyOf(leaf.path)) && leaf.bars);
    if (!known.length) return;
    this.app.amend(({ doc }) => {
      for (const leaf of known) {
        this.fresh.delete(keyOf(leaf.path));
        const want = middleHalf(leaf.bars, leaf.step);
        if (want) setWant(entryAt(doc, leaf.path), want);
      }
    });
  }
}
