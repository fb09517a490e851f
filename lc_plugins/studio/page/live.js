/** The line to the server: one web socket, requests with numbers, and asks that are not sent too often. */

const AGAIN = 2000; // ms until the next try after the line was lost
const REFUSED = 4401; // what the server closes the line with if the token is wrong
const BETWEEN = 40; // ms between two asks

export class Live {
  /**
   * @param {object} about
   * @param {() => object} about.opening what the first message says: token and page
   * @param {(message: object) => void} about.opened is told what the server says to it
   * @param {(refused: boolean) => void} about.lost is told whether the token is wrong; else it is tried again
   */
  constructor({ opening, opened, lost }) {
    Object.assign(this, { opening, opened, lost, number: 0, waiting: new Map(), line: null });
    this.connect();
  }

  connect() {
    const scheme = location.protocol === "https:" ? "wss" : "ws";
    const line = new WebSocket(`${scheme}://${location.host}/live`);
    line.addEventListener("open", () => line.send(JSON.stringify({ do: "open", id: 0, ...this.opening() })));
    line.addEventListener("message", (event) => this.hear(JSON.parse(event.data), line));
    line.addEventListener("close", ({ code }) => {
      this.line = null;
      this.waiting.clear();
      this.lost(code === REFUSED);
      if (code !== REFUSED) setTimeout(() => this.connect(), AGAIN);
    });
  }

  hear(message, line) {
    if (message.id === 0) {
      this.line = line;
      this.opened(message);
      return;
    }
    this.waiting.get(message.id)?.(message);
    if (message.kind === "end") this.waiting.delete(message.id);
  }

  /** Send a request; `hear` gets all that the server says to it. Return its number, or null without a line. */
  send(request, hear = () => {}) {
    if (!this.line) return null;
    const id = ++this.number;
    this.waiting.set(id, hear);
    this.line.send(JSON.stringify({ ...request, id }));
    return id;
  }

  /** Forget a request: what is still said to it is not heard. */
  forget(id) {
    this.waiting.delete(id);
  }
}

/** Return a function that calls `act` at most every 40 ms, and always once more after the last call. */
export function seldom(act, between = BETWEEN) {
  let timer = null;
  let last = -Infinity;
  const run = () => {
    timer = null;
    last = performance.now();
    act();
  };
  return () => {
    if (timer === null) timer = setTimeout(run, Math.max(0, last + between - performance.now()));
  };
}

/** Return a function that calls `act` once no call has come for `wait` ms. */
export function later(act, wait) {
  let timer = null;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(act, wait);
  };
}
