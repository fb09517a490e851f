/** The page: what the user has made, the moves that made it, and which part shows what. */

import { Answers, markChosen } from "./answers.js";
import { Asks } from "./asks.js";
import { Files } from "./files.js";
import { Frame } from "./frame.js";
import { drawComparison, drawHistory, drawStarred } from "./history.js";
import { Live, later } from "./live.js";
import { followPlaying, markPlaying } from "./playing.js";
import { Rules } from "./rules.js";
import { Player } from "./sound.js";
import { SpecPane } from "./spec.js";
import { Moves, blank, clone, loseOutputs, modelOf, same } from "./state.js";
import { T } from "./text.js";

const SAVE = 500; // ms from a change until it is saved
const OWN_SPACE =
  "a, button, select, summary, textarea, audio, [type=checkbox], [type=radio], [type=text], [type=search], [type=file]";

/** The token and the page's id, from the address. */
function address() {
  const fragment = location.hash.slice(1);
  const parts = new URLSearchParams(fragment);
  const token = parts.get("token") ?? sessionStorage.getItem("token");
  if (token) sessionStorage.setItem("token", token);
  return { token, page: parts.has("token") ? parts.get("page") : fragment || null };
}

class App {
  constructor() {
    Object.assign(this, address());
    Object.assign(this, { rules: new Map(), view: null, files: [], kept: new Map(), moves: null, now: null });
    Object.assign(this, { selected: null, theme: "auto", ready: false });
    this.frame = new Frame(this);
    if (!this.token) {
      this.frame.say(T.noToken, true);
      return;
    }
    this.player = new Player(() => this.now.sound);
    this.player.listen(() => markPlaying(this));
    this.rulesView = new Rules(this, this.frame.rules);
    this.answers = new Answers(this, this.frame.grid);
    this.spec = new SpecPane(this, this.frame.tabs.spec);
    this.uploads = new Files(this);
    this.asks = new Asks(this);
    this.save = later(() => this.sendSave(), SAVE);
    this.live = new Live({
      opening: () => ({ token: this.token, page: this.page }),
      opened: (message) => this.opened(message),
      lost: (refused) => this.frame.say(refused ? T.oldToken : T.lost, true),
    });
    document.addEventListener("keydown", (event) => this.key(event));
    addEventListener("hashchange", () => location.reload());
    addEventListener("pagehide", () => this.moves && this.sendSave());
    followPlaying(this);
  }

  // The server's side

  opened(message) {
    if (message.kind === "catalogue") this.catalogue(message);
    if (message.kind === "ready") this.ready = true;
    if (message.kind === "ready") this.frame.say(T.ready);
    if (message.kind === "progress") this.frame.say(message.text);
    if (message.kind === "error") this.frame.say(T.failed(message.message, message.hint), true);
  }

  /** What model, rules and view there are; and, at first, what the page was when it was closed. */
  async catalogue(message) {
    const known = this.moves !== null && this.page === message.page;
    const other = this.model !== message.model;
    const { files, model, models, upload, bases, ready } = message;
    Object.assign(this, { files, model, models, upload, bases, ready, page: message.page });
    history.replaceState(null, "", `#${this.page}`);
    document.title = `${T.brand} · ${this.page}`;
    this.frame.say(ready ? T.ready : T.loading);
    this.rules = new Map(message.rules.map((rule) => [rule.use, rule]));
    this.view = message.view?.script ? await import(message.view.script) : message.view;
    if (known) this.save();
    else this.restore(message);
    this.asModel = modelOf(this.now.doc);
    if (other) this.answers.clear();
    this.rulesView.drawAdd();
    this.rulesView.draw();
    this.show();
    this.asks.again();
  }

  /** The spec is of another model than the rules that are shown. */
  changeCatalogue() {
    const model = modelOf(this.now.doc);
    this.asModel = model;
    this.player.stop();
    this.live.send({ do: "model", model }, (message) => {
      if (message.kind === "error") this.frame.say(T.failed(message.message, message.hint), true);
      if (message.kind === "catalogue") this.catalogue(message);
    });
  }

  restore({ state, doc }) {
    const start = [{ label: T.moves.start, now: blank(doc), first: null }];
    const place = `page ${this.page}`;
    const sameServer = sessionStorage.getItem(place) === this.token;
    sessionStorage.setItem(place, this.token);
    if (!sameServer) for (const move of state?.moves ?? []) loseOutputs(move, Boolean(this.view?.draw));
    this.moves = state ? new Moves(state.moves, state.at) : new Moves(start);
    this.kept = new Map((state?.answers ?? []).map((answer) => [answer.key, answer]));
    this.theme = state?.theme ?? "auto";
    this.now = clone(this.moves.current.now);
    this.frame.colours(this.theme);
  }

  sendSave() {
    const keys = new Set(
      this.moves.list.flatMap(({ now }) => [...now.stars, now.a, now.b, ...(now.source?.parts ?? [])]),
    );
    const answers = [...this.kept.values()].filter((answer) => keys.has(answer.key));
    this.live.send({ do: "save", state: { ...this.moves.kept(answers), theme: this.theme } });
  }

  // Moves

  changed() {
    this.save();
    this.asks.changed();
  }

  /** Change what is made, without a move of its own: a fader is on its way. */
  draft(act) {
    act(this.now);
    this.now.near = null;
    this.changed();
  }

  /** Make a move of what has changed. */
  commit(label) {
    if (same(this.now, this.moves.current.now)) return;
    this.moves.add(label, this.now);
    this.stamp();
    this.save();
    drawHistory(this, this.frame.tabs.history);
    this.frame.head();
  }

  /** Change what is made, as one move, and show it. */
  edit(label, act) {
    const doc = JSON.stringify(this.now.doc);
    act(this.now);
    const other = JSON.stringify(this.now.doc) !== doc;
    if (other) this.now.near = null;
    this.commit(label);
    if (modelOf(this.now.doc) !== this.asModel) return this.changeCatalogue();
    if (other) this.rulesView.draw();
    this.show();
    this.changed();
    return null;
  }

  /** The spec was edited as text. */
  specChanged() {
    if (modelOf(this.now.doc) !== this.asModel) return this.changeCatalogue();
    this.rulesView.draw();
    return this.frame.head();
  }

  /** Change the newest move itself. */
  amend(act) {
    act(this.now);
    this.moves.current.now = clone(this.now);
    this.rulesView.draw();
    this.changed();
  }

  /** Go to another move: undo, redo, or one of the history. */
  go(index) {
    const before = this.now;
    if (!this.moves.go(index)) return;
    this.now = clone(this.moves.current.now);
    for (const key of before.stars) if (!this.now.stars.includes(key)) this.live.send({ do: "star", key, on: false });
    for (const key of this.now.stars) if (!before.stars.includes(key)) this.live.send({ do: "star", key, on: true });
    if (modelOf(this.now.doc) !== this.asModel) {
      this.changeCatalogue();
      return;
    }
    if (!same(before.doc, this.now.doc)) this.rulesView.draw();
    this.show();
    this.changed();
    if (!same(before.sound, this.now.sound)) this.player.again();
  }

  /** Give the current move the picture of its first answer. */
  stamp() {
    const { current } = this.moves;
    if (!this.asks.first || Asks.part(current.now) !== this.asks.part) return;
    current.first ??= this.asks.first;
    drawHistory(this, this.frame.tabs.history);
    this.save();
  }

  // What is shown

  show() {
    this.frame.head();
    this.frame.drawSound();
    drawComparison(this, this.frame.comparison);
    this.showTabs();
    markChosen(this);
  }

  showTabs() {
    if (!this.moves) return;
    drawHistory(this, this.frame.tabs.history);
    drawStarred(this, this.frame.tabs.starred);
  }

  changeTheme(theme) {
    this.theme = theme;
    this.frame.colours(theme);
    this.save();
  }

  /** Begin with another model, which has other rules. */
  changeModel(name) {
    this.edit(T.moves.model(name), (now) => {
      now.doc = { lc: 1, model: name, constraints: [], sample: { count: 16, seed: 0 } };
      Object.assign(now, { source: null, near: null, a: null, b: null });
    });
  }

  // Answers

  /** Keep what is known of an answer, which the grid may lose. */
  keep({ key, data, values, by }, name) {
    if (this.kept.has(key)) return;
    const taken = [...this.kept.values()].filter((one) => one.name === name || one.name.startsWith(`${name} (`)).length;
    this.kept.set(key, { key, data, values, by, model: this.asModel, name: taken ? T.again(name, taken + 1) : name });
  }

  /** Those of some outputs that are kept and of the model that is shown. */
  keptOf(keys) {
    return keys.map((key) => this.kept.get(key)).map((one) => (one?.model === this.asModel ? one : null));
  }

  star(answer, name) {
    const on = !this.now.stars.includes(answer.key);
    this.keep(answer, name);
    this.live.send({ do: "star", key: answer.key, on });
    this.edit(T.moves.starred(name, on), (now) => {
      now.stars = on ? [...now.stars, answer.key] : now.stars.filter((key) => key !== answer.key);
    });
  }

  compare(slot, answer, name) {
    this.keep(answer, name);
    const key = this.now[slot] === answer.key ? null : answer.key;
    this.edit(T.moves.compare(T.slots[slot], name), (now) => (now[slot] = key));
  }

  endCompare() {
    this.edit(T.moves.endCompare, (now) => Object.assign(now, { a: null, b: null }));
  }

  moreLike(answer, name) {
    this.edit(T.moves.near(name), (now) => (now.near = { key: answer.key, name }));
  }

  run() {
    this.spec.told({ kind: "progress", text: T.running });
    this.live.send({ do: "run", doc: this.now.doc }, (message) => this.spec.told(message));
  }

  // Sound and keys

  get playable() {
    return Boolean(this.view?.notes) && this.answers.all.length > 0;
  }

  /** Play an answer, or stop it; without one, the answer that was played last. */
  toggle(answer = null) {
    if (answer ? this.player.plays(answer.key) : this.player.playing) return this.player.stop();
    const shown = [...this.answers.all, ...this.kept.values()];
    const last = shown.find((one) => one.key === this.selected);
    const chosen = answer ?? last ?? this.answers.all[0];
    return chosen && this.view?.notes ? this.play(chosen) : null;
  }

  /** Play an answer; what plays gives way to it at the same place. */
  play({ key, data }) {
    this.selected = key;
    const { beats, bar, notes } = this.view.notes(data);
    const chords = this.view.chords?.(this.now.doc) ?? [];
    this.player.play(key, { beats, bar, notes, chords }, this.player.beat ?? 0);
  }

  key(event) {
    if ((event.ctrlKey || event.metaKey) && !event.altKey && !event.target.closest?.("textarea")) {
      const name = event.key.toLowerCase();
      const step = { z: event.shiftKey ? 1 : -1, y: 1 }[name];
      if (step) event.preventDefault();
      if (step) this.go(this.moves.at + step);
    } else if (event.key === " " && !event.target.closest?.(OWN_SPACE)) {
      event.preventDefault();
      this.toggle();
    }
  }

  // Addresses

  /** The address of something of this page, such as `spec.yaml` or `file/KEY.mid`. */
  address(path) {
    return `/${path}?token=${encodeURIComponent(this.token)}&page=${encodeURIComponent(this.page)}`;
  }

  get newPage() {
    return `/#token=${encodeURIComponent(this.token)}`;
  }
}

new App();
