/** What is asked of the model, and what it answers: only what belongs to the spec as it is now is shown. */

import { later, seldom } from "./live.js";
import { same } from "./state.js";
import { T } from "./text.js";

const SLOW = 400; // ms without an end after which the page says that it waits
const EDITING = 800; // ms without a key until an edit of the YAML is a move

export class Asks {
  constructor(app) {
    Object.assign(this, { app, number: null, part: "", yaml: null, first: null, drawn: 0, entries: [] });
    this.soon = seldom(() => this.send());
    this.edited = later(() => app.commit(T.moves.yaml), EDITING);
  }

  /** What answers depend on. */
  static part(now) {
    return JSON.stringify([now.doc, now.source?.key, now.near?.key]);
  }

  /** Ask, if the answers depend on what has changed. What is shown is from before at once. */
  changed() {
    if (Asks.part(this.app.now) === this.part) return;
    this.yaml = null;
    this.app.answers.begin();
    this.soon();
  }

  /** Ask for the spec as it stands in the editor. */
  edit(yaml) {
    this.yaml = yaml;
    this.app.answers.begin();
    this.soon();
  }

  again() {
    this.part = "";
    this.changed();
  }

  send() {
    const { app, yaml } = this;
    const { doc, source, near } = app.now;
    const spec = yaml === null ? { doc } : { yaml };
    const from = source ? { from: source.key } : {};
    const request = near && yaml === null ? { do: "near", doc, key: near.key } : { do: "ask", ...spec, ...from };
    app.live.forget(this.number);
    this.number = app.live.send(request, (message) => this.hear(message, yaml));
    if (this.number === null) return;
    Object.assign(this, { part: Asks.part(app.now), first: null, drawn: app.rulesView.drawn });
    this.waits();
  }

  /** Say that the model is asked, if that takes long enough to be noticed. */
  waits() {
    const { frame, ready } = this.app;
    this.ended();
    frame.planned = "";
    this.timer = setTimeout(() => {
      frame.stop.hidden = false;
      if (!frame.planned) frame.plan(ready ? T.asking : T.waiting);
    }, SLOW);
  }

  ended() {
    clearTimeout(this.timer);
    this.app.frame.stop.hidden = true;
  }

  /** Leave what is asked; what came of it stays. */
  stop() {
    this.app.live.forget(this.number);
    this.app.live.send({ do: "stop" });
    this.ended();
    this.app.frame.plan(T.stopped);
    this.app.answers.done();
  }

  /** What the server says to the newest ask; `yaml` is what was asked, if it was text. */
  hear(message, yaml) {
    const { app } = this;
    const fits = this.yaml === yaml && Asks.part(app.now) === this.part;
    if (message.kind === "spec" && (fits || yaml === null)) this.spec(message, yaml);
    if (message.kind === "look") this.entries = message.entries;
    if (message.kind === "look" && this.drawn === app.rulesView.drawn) app.rulesView.show(message);
    if (!fits) return;
    if (message.kind === "end") this.ended();
    if (message.kind === "plan" || message.kind === "progress") app.frame.plan(message.text);
    if (message.kind === "tried") app.frame.plan(T.tried(message.tried));
    if (message.kind === "answer") this.answer(message);
    if (message.kind === "done") app.frame.done(message.text);
    if (message.kind === "done") app.answers.done();
    if (message.kind === "error") app.frame.plan(T.failed(message.message, message.hint), true);
  }

  spec(message, yaml) {
    const { app } = this;
    app.spec.show(message, yaml !== null);
    if (message.problems?.length) {
      app.frame.plan(T.mistakes, true);
      app.rulesView.wrong(message.problems);
    } else if (yaml !== null && !same(message.doc, app.now.doc)) {
      Object.assign(app.now, { doc: message.doc, near: null });
      this.part = Asks.part(app.now);
      this.edited();
      app.specChanged();
      this.drawn = app.rulesView.drawn;
    }
  }

  answer(answer) {
    if (this.breaks(answer)) return;
    const { app } = this;
    const before = app.answers.add(answer);
    if (app.player.plays(before.key)) app.play(answer); // what is heard follows the rules
    if (answer.number === 0) this.first = { key: answer.key, data: answer.data };
    if (answer.number === 0) app.stamp();
    if (app.answers.all.length === 1) app.frame.drawSound();
  }

  /** Whether an answer does not meet a condition: such a one is never shown. */
  breaks({ values }) {
    const { constraints = [] } = this.app.now.doc;
    const conditions = this.entries.filter((_, index) => constraints[index]?.require !== false).map((one) => one.label);
    return values.some((one) => one.met === false && conditions.includes(one.label));
  }
}
