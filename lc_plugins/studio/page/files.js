/** A file of the user's own: chosen or dropped, sent to the server, and started from. */

import { el } from "./html.js";
import { T } from "./text.js";

const MOST = 8 * 1024 * 1024; // bytes that the server takes

export class Files {
  constructor(app) {
    this.app = app;
    this.veil = el("div", { class: "veil", hidden: true }, el("p", {}, T.dropHere));
    document.body.append(this.veil);
    const carries = (event) => [...(event.dataTransfer?.types ?? [])].includes("Files");
    addEventListener("dragover", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      this.veil.hidden = false;
    });
    addEventListener("dragleave", (event) => {
      if (!event.relatedTarget) this.veil.hidden = true;
    });
    addEventListener("drop", (event) => {
      if (!carries(event)) return;
      event.preventDefault();
      this.veil.hidden = true;
      this.send(event.dataTransfer.files[0]);
    });
  }

  /** Send a file; on success the answers start from it. */
  async send(file) {
    const { app } = this;
    if (!file) return;
    const suffixes = app.upload ?? [];
    if (!suffixes.some((suffix) => file.name.toLowerCase().endsWith(suffix)))
      return app.frame.say(T.wrongKind(suffixes), true);
    if (file.size > MOST) return app.frame.say(T.tooLarge, true);
    app.frame.say(T.uploading(file.name));
    const address = `${app.address("upload")}&name=${encodeURIComponent(file.name)}`;
    try {
      const response = await fetch(address, { method: "POST", body: file });
      const answer = await response.json();
      if (!response.ok) return app.frame.say(T.failed(answer.message, answer.hint), true);
      for (const one of answer.outputs) app.keep(one, file.name);
      app.frame.say(answer.text);
      const parts = answer.outputs.map((one) => one.key);
      app.edit(T.moves.from(file.name), (now) => (now.source = { key: parts[0], name: file.name, parts }));
    } catch {
      app.frame.say(T.lost, true);
    }
    return null;
  }
}
