/** The frame of the page: header, the three columns, tabs, and the lines that tell what goes on. */

import { picture } from "./answers.js";
import { button, choice, el, icon, redraw } from "./html.js";
import { soundBar } from "./playing.js";
import { T } from "./text.js";

export class Frame {
  constructor(app) {
    this.app = app;
    this.top = el("div", { class: "tools" });
    this.status = el("p", { class: "status", role: "status" });
    this.rules = {
      list: el("div", { id: "rules-list" }),
      add: el("div", { class: "add" }),
      state: el("div", { class: "state" }),
    };
    this.sound = el("div", { class: "sound", role: "group", "aria-label": T.sound });
    this.line = el("p", { class: "plan", "aria-live": "polite" });
    this.stop = button(T.stopAsking, () => app.asks.stop(), { id: "stop", class: "quiet", hidden: true });
    this.ask = el("div", { class: "tools" });
    this.comparison = el("section", { class: "comparison", "aria-label": T.compare, hidden: true });
    this.grid = el("ul", { class: "grid", "aria-label": T.answers });
    this.tabs = Object.fromEntries(
      Object.keys(T.tabs).map((name) => [
        name,
        el("div", { role: "tabpanel", id: `panel-${name}`, "aria-labelledby": `tab-${name}`, hidden: name !== "spec" }),
      ]),
    );
    document.body.replaceChildren(this.skips(), this.header(), this.main());
  }

  skips() {
    const links = [
      ["rules", T.skipRules],
      ["answers", T.skipAnswers],
      ["side", T.skipSpec],
    ];
    const go = (id) => (event) => {
      event.preventDefault(); // the fragment holds the page's id
      document.getElementById(id).focus();
    };
    return el(
      "nav",
      { class: "skips", "aria-label": T.brand },
      ...links.map(([id, text]) => el("a", { href: `#${id}`, on: { click: go(id) } }, text)),
    );
  }

  header() {
    return el("header", { class: "top" }, el("h1", {}, T.brand), this.top, this.status);
  }

  main() {
    const column = (id, title, ...children) =>
      el(
        "section",
        { id, tabindex: "-1", "aria-labelledby": `${id}-title` },
        el("h2", { id: `${id}-title` }, title),
        ...children,
      );
    const { list, add, state } = this.rules;
    return el(
      "main",
      {},
      column(
        "rules",
        T.rules,
        state,
        list,
        add,
        el("p", { class: "legend" }, T.legend),
        el("p", { class: "legend" }, T.hints),
      ),
      column(
        "answers",
        T.answers,
        this.ask,
        el("div", { class: "row" }, this.line, this.stop),
        this.sound,
        this.comparison,
        this.grid,
      ),
      el("section", { id: "side", tabindex: "-1", "aria-label": T.views }, this.tabList(), ...Object.values(this.tabs)),
    );
  }

  /** Tabs that arrow keys go through. */
  tabList() {
    const names = Object.keys(T.tabs);
    const tabs = names.map((name) =>
      button(T.tabs[name], () => choose(name), { role: "tab", id: `tab-${name}`, "aria-controls": `panel-${name}` }),
    );
    const choose = (chosen) => {
      tabs.forEach((tab, index) => {
        const on = names[index] === chosen;
        tab.setAttribute("aria-selected", String(on));
        tab.tabIndex = on ? 0 : -1;
        this.tabs[names[index]].hidden = !on;
      });
      this.app.showTabs();
    };
    const list = el("div", { role: "tablist", "aria-label": T.views }, ...tabs);
    list.addEventListener("keydown", (event) => {
      const step = { ArrowRight: 1, ArrowLeft: -1 }[event.key];
      if (!step) return;
      const next = (tabs.indexOf(document.activeElement) + step + tabs.length) % tabs.length;
      choose(names[next]);
      tabs[next].focus();
    });
    choose("spec");
    return list;
  }

  /** Draw what depends on the moves: undo and redo, model, base, file. */
  head() {
    const { app } = this;
    const { list, at } = app.moves;
    redraw(this.top, () => [
      button(icon("undo"), () => app.go(at - 1), { id: "undo", label: T.undo, disabled: at === 0 }),
      button(icon("redo"), () => app.go(at + 1), { id: "redo", label: T.redo, disabled: at === list.length - 1 }),
      app.models.length > 1
        ? choice(
            T.model,
            app.models.map((one) => [one.name, one.name]),
            app.model,
            (name) => app.changeModel(name),
            { id: "model" },
          )
        : el("span", { class: "soft" }, app.model),
      choice(T.theme, Object.entries(T.themes), app.theme, (theme) => app.changeTheme(theme), { id: "theme" }),
      el("a", { class: "action", href: app.newPage, target: "_blank", rel: "noopener", id: "new-page" }, T.newPage),
    ]);
    redraw(this.ask, () => this.beginnings());
  }

  /** What answers begin with: base, seed, a file, or another answer. */
  beginnings() {
    const { app } = this;
    const { doc, source, near } = app.now;
    const base =
      app.bases?.length > 1
        ? choice(
            T.base,
            app.bases.map((name) => [name, T.bases[name] ?? name]),
            doc.base ?? app.bases[0],
            (name) => app.edit(T.moves.base, (now) => (now.doc.base = name)),
            { id: "base" },
          )
        : null;
    const seed = button(
      T.seed,
      () =>
        app.edit(T.moves.seed, ({ doc: one }) => (one.sample = { ...one.sample, seed: (one.sample?.seed ?? 0) + 1 })),
      { id: "seed", class: "action" },
    );
    return [
      base,
      seed,
      ...(source ? this.source(source) : [this.chooser()]),
      near ? el("p", { class: "note" }, T.like(near.name)) : null,
    ];
  }

  source({ key, name, parts }) {
    const answer = this.app.kept.get(key);
    const thumb = answer
      ? el("span", { class: "thumb", "aria-hidden": "true" }, picture(this.app, answer, "", true))
      : null;
    const end = () => this.app.edit(T.moves.endFrom, (now) => (now.source = null));
    const numbers = parts.map((one, index) => [one, T.partOf(index + 1, parts.length)]);
    const part = choice(
      T.part,
      numbers,
      key,
      (chosen) => this.app.edit(T.moves.part(parts.indexOf(chosen) + 1), (now) => (now.source.key = chosen)),
      { id: "part" },
    );
    return [
      el("span", { class: "note" }, thumb, T.startsFrom(name)),
      parts.length > 1 ? part : null,
      button(T.endStart, end, { id: "end-start", class: "quiet" }),
    ];
  }

  chooser() {
    const { app } = this;
    if (!app.upload?.length) return null;
    const input = el("input", { type: "file", id: "file", accept: app.upload.join(",") });
    input.addEventListener("change", () => app.uploads.send(input.files[0]));
    return el(
      "label",
      { class: "action file" },
      el("span", {}, T.start),
      input,
      el("span", { class: "soft" }, T.startHelp),
    );
  }

  drawSound() {
    this.sound.hidden = !this.app.view?.notes;
    redraw(this.sound, () => (this.sound.hidden ? [] : soundBar(this.app)));
  }

  colours(theme) {
    document.documentElement.dataset.theme = theme;
  }

  say(text, bad = false) {
    this.status.textContent = text;
    this.status.classList.toggle("bad", bad);
  }

  /** The plan in one line; `done` adds how many came. */
  plan(text, bad = false) {
    this.planned = text;
    this.line.textContent = text;
    this.line.classList.toggle("bad", bad);
  }

  done(text) {
    this.line.textContent = [text, this.planned].filter((part) => part && part !== T.asking).join(" · ");
  }
}
