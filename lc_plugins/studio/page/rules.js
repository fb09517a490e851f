/** The rules of the spec: a card for each, with the controls that the catalogue asks for. */

import { control, firstValue } from "./controls.js";
import { Fader } from "./fader.js";
import { button, check, choice, el, icon, redraw } from "./html.js";
import { same } from "./state.js";
import { T } from "./text.js";
import { middleHalf, setWant, wantOf, widest } from "./wants.js";

const GROUPS = ["any", "all"];
const OF_TOP = ["weight", "require", "label"]; // keys that stay at the outside when an entry is wrapped

const groupOf = (entry) => GROUPS.find((key) => key in entry);
const keyOf = (path) => path.join("-");

/** The list that holds the entry of a path, and the entry's place in it; for `not`, the group and "not". */
function placeOf(doc, path) {
  let holder = doc.constraints;
  for (const step of path.slice(0, -1)) holder = holder[step];
  return [holder, path.at(-1)];
}

function entryAt(doc, path) {
  const [holder, place] = placeOf(doc, path);
  return holder[place];
}

/** Move the keys of a top entry from one form of it to another. */
function carry(from, to) {
  for (const key of OF_TOP) {
    if (key in from) to[key] = from[key];
    delete from[key];
  }
  return to;
}

export class Rules {
  /**
   * @param {object} app
   * @param {{list: Element, add: Element, state: Element}} hosts
   */
  constructor(app, hosts) {
    Object.assign(this, { app, hosts, faders: new Map(), alone: new Map(), fresh: new Set(), look: null });
  }

  title(entry) {
    if (entry.label) return entry.label;
    const group = groupOf(entry);
    if (group) return T[group];
    if (entry.not) return `${T.notShort} ${this.title(entry.not)}`;
    return this.app.rules.get(entry.use)?.title ?? entry.use;
  }

  /** Draw all cards, as the spec is now. */
  draw() {
    this.faders.clear();
    this.alone.clear();
    const { constraints = [] } = this.app.now.doc;
    redraw(this.hosts.list, () =>
      constraints.length
        ? constraints.map((entry, index) => this.card(entry, [index], entry))
        : [el("p", { class: "soft" }, T.noRules)],
    );
    if (this.look) this.show(this.look, false);
  }

  /** Draw the list of rules to add. */
  drawAdd() {
    const find = el("input", { type: "search", id: "find", placeholder: T.find, "aria-label": T.find });
    const buttons = [...this.app.rules.values()].map((rule) => {
      const content = el("span", {}, el("b", {}, rule.title), el("span", { class: "soft" }, rule.summary));
      return button(content, () => this.add(rule), { class: "rule", "data-words": `${rule.use} ${rule.title} ${rule.summary}`.toLowerCase() });
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
    this.app.edit(T.moves.added(rule.title), (now) => {
      now.doc.constraints ??= [];
      now.doc.constraints.push(this.entryOf(rule, [now.doc.constraints.length]));
    });
    const card = this.hosts.list.lastElementChild;
    card.scrollIntoView({ block: "nearest" });
  }

  /** Change the entry of a path and draw the cards anew. */
  change(label, path, act) {
    this.app.edit(label, (now) => act(entryAt(now.doc, path), ...placeOf(now.doc, path), now.doc));
  }

  card(entry, path, top) {
    if (entry.not && path.length === 1) return this.card(entry.not, [...path, "not"], entry);
    const title = this.title(entry);
    const id = `rule-${keyOf(path)}`;
    const marks = [];
    if (top?.not) marks.push(el("span", { class: "mark" }, T.notShort));
    if (top?.require === false) marks.push(el("span", { class: "mark" }, T.preferenceShort));
    const alone = el("span", { class: "alone" });
    if (top) this.alone.set(path[0], alone);
    const drop = button(icon("remove"), () => this.remove(path, title), {
      id: `${id}-remove`,
      class: "quiet",
      label: T.removeRule(title),
    });
    const rule = this.app.rules.get(entry.use);
    const body = groupOf(entry) ? this.group(entry, path) : this.leaf(entry, path, rule);
    return el(
      "section",
      { class: "card", id, "aria-label": title },
      el("header", {}, el("h3", {}, ...marks, title), alone, drop),
      ...body,
      this.more(entry, path, top, rule, title),
    );
  }

  /** The settings and the fader of a rule. */
  leaf(entry, path, rule) {
    if (!rule) return [el("p", { class: "soft" }, T.unknown(entry.use ?? JSON.stringify(entry)))];
    const id = `rule-${keyOf(path)}`;
    const settings = rule.params.map((param) => {
      const value = entry.params?.[param.name] ?? param.default;
      return control(`${id}-${param.name}`, param, value, (changed) =>
        this.change(T.moves.setting(this.title(entry), param.title), path, (one) => {
          one.params = { ...one.params, [param.name]: changed };
          if ("default" in param && same(changed, param.default)) delete one.params[param.name];
          if (!Object.keys(one.params).length) delete one.params;
        }),
      );
    });
    const fader = new Fader({
      id,
      title: this.title(entry),
      rule,
      want: wantOf(entry, rule) ?? widest(rule),
      moving: (want) => {
        this.fresh.delete(keyOf(path));
        this.app.draft((now) => setWant(entryAt(now.doc, path), want));
      },
      moved: () => this.app.commit(T.moves.wanted(this.title(entry), fader.text)),
    });
    this.faders.set(keyOf(path), fader);
    return [...settings, fader.node];
  }

  group(entry, path) {
    const kind = groupOf(entry);
    const id = `rule-${keyOf(path)}`;
    const change = (other) =>
      this.change(T.moves.group(other === "any"), path, (one) => {
        one[other] = one[kind];
        delete one[kind];
      });
    const which = choice(T.group, [["any", T.any], ["all", T.all]], kind, change, { id: `${id}-group` });
    const inside = entry[kind].map((one, index) => this.card(one, [...path, kind, index], null));
    return [which, el("div", { class: "inside" }, ...inside)];
  }

  /** Help, and what is seldom changed. */
  more(entry, path, top, rule, title) {
    const id = `rule-${keyOf(path)}`;
    const parts = [];
    if (rule) parts.push(el("p", { class: "help" }, rule.help));
    if (rule?.undefined) parts.push(el("p", { class: "soft" }, T.undefinedWhere(rule.undefined)));
    for (const param of rule?.params ?? []) if (param.help) parts.push(el("p", { class: "soft" }, `${param.title}: ${param.help}`));
    if (top) parts.push(...this.ofTop(path, top, id, title));
    const options = [["", T.choose], ...[...this.app.rules.values()].map((one) => [one.use, one.title])];
    const inGroup = groupOf(entry) ?? (path.length > 2 ? GROUPS.find((key) => key === path.at(-2)) : null);
    if (!inGroup || groupOf(entry)) {
      const text = groupOf(entry) ? T.orAdd : T.or;
      parts.push(choice(text, options, "", (use) => use && this.join(entry, path, use), { id: `${id}-or` }));
    }
    return el(
      "details",
      { id: `${id}-more` },
      el("summary", { "aria-label": T.moreOf(title), id: `${id}-summary` }, T.more),
      ...parts,
    );
  }

  ofTop(path, top, id, title) {
    const place = path[0];
    const change = (label, act) => this.app.edit(label, (now) => act(now.doc.constraints[place], now.doc.constraints));
    const not = check(T.not, Boolean(top.not), (on) =>
      change(T.moves.not(title, on), (one, list) => {
        list[place] = on ? carry(one, { not: one }) : carry(one, one.not);
      }), { id: `${id}-not` });
    const preference = check(T.preference, top.require === false, (on) =>
      change(T.moves.preference(title, on), (one) => {
        if (on) one.require = false;
        else delete one.require;
      }), { id: `${id}-preference` });
    const weight = el("input", { type: "number", id: `${id}-weight`, min: 0, step: "any", value: top.weight ?? 1 });
    weight.addEventListener("change", () =>
      change(T.moves.weight(title), (one) => {
        one.weight = Math.max(0, Number(weight.value) || 0);
        if (one.weight === 1) delete one.weight;
      }));
    const label = el("input", { type: "text", id: `${id}-label`, maxlength: 80, value: top.label ?? "" });
    label.addEventListener("change", () =>
      change(T.moves.label(title), (one) => {
        one.label = label.value.trim();
        if (!one.label) delete one.label;
      }));
    const last = this.app.now.doc.constraints.length - 1;
    const shift = (by) =>
      change(T.moves.moved(title), (one, list) => list.splice(place + by, 0, ...list.splice(place, 1)));
    return [
      not,
      preference,
      el("label", { class: "field" }, el("span", {}, T.weight), weight),
      el("label", { class: "field" }, el("span", {}, T.label), label),
      el(
        "div",
        { class: "row" },
        button(T.up, () => shift(-1), { id: `${id}-up`, disabled: place === 0, label: T.of(T.up, title) }),
        button(T.down, () => shift(1), { id: `${id}-down`, disabled: place === last, label: T.of(T.down, title) }),
      ),
    ];
  }

  /** Put another rule beside an entry: into its group, or into a new one that holds both. */
  join(entry, path, use) {
    const rule = this.app.rules.get(use);
    this.change(T.moves.or(rule.title), path, (one, holder, place) => {
      const kind = groupOf(one);
      if (kind) one[kind].push(this.entryOf(rule, [...path, kind, one[kind].length]));
      else holder[place] = carry(one, { any: [one, this.entryOf(rule, [...path, "any", 1])] });
    });
  }

  /** Take an entry away; a group that would be left with one holds it no longer. */
  remove(path, title) {
    this.app.edit(T.moves.removed(title), (now) => {
      const where = path.at(-1) === "not" ? path.slice(0, -1) : path;
      const [list, place] = placeOf(now.doc, where);
      list.splice(place, 1);
      if (where.length === 1 || list.length > 1) return;
      const [holder, at] = placeOf(now.doc, where.slice(0, -2));
      if (list.length === 1) holder[at] = carry(holder[at], list[0]);
    });
    this.hosts.list.querySelector("button, input, select")?.focus({ preventScroll: true });
  }

  /** Show what the server says of the rules: histograms, rarity, conflicts. */
  show(look, first = true) {
    this.look = look;
    for (const leaf of look.leaves) this.faders.get(keyOf(leaf.path))?.show(leaf);
    for (const [index, node] of this.alone) node.textContent = look.entries[index] ? T.alone(look.entries[index].text) : "";
    const parts = [];
    if (look.every) parts.push(el("p", { class: "every" }, T.together(look.every.text)));
    for (const text of look.conflicts ?? []) parts.push(el("p", { class: "bad" }, text));
    for (const text of look.advice ?? []) parts.push(el("p", {}, T.advice(text)));
    this.hosts.state.replaceChildren(...parts);
    if (first) this.settle(look);
  }

  /** Give rules that were added without a want the middle half of what is left. */
  settle(look) {
    const known = look.leaves.filter((leaf) => this.fresh.has(keyOf(leaf.path)) && leaf.bars);
    if (!known.length) return;
    this.app.amend((now) => {
      for (const leaf of known) {
        this.fresh.delete(keyOf(leaf.path));
        const want = middleHalf(leaf.bars, leaf.step);
        if (want) setWant(entryAt(now.doc, leaf.path), want);
      }
    });
  }
}
