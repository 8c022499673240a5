// Event sources for htmx that never lose their place. A source that is opened again asks for what
// came after the last event it saw; a hidden tab gives its connection back, for a browser has few.
// Where a proxy holds the stream up, so that not even its welcome comes through, the source only
// glances every few seconds: what is new, and the end of the answer.

const HIDDEN_FOR = 5_000;
const WELCOME_WITHIN = 6_000;
const STREAM_AGAIN = 30; // glances
const SILENT_FOR = 40_000; // pings come every 15 s: after a sleep a connection may be dead without an error
const SHORTEST_WAIT = 500;
const LONGEST_WAIT = 8_000;
const SOUND = 4_000; // of life after which a stream's end is no sign of trouble

class Source {
  #url;
  #listeners = [];
  #inner = null;
  #last = "";
  #wait = SHORTEST_WAIT;
  #timer = 0;
  #patience = 0;
  #glances = false;
  #looks = 0;
  #isWelcome = false;
  #isClosed = false;

  constructor(url) {
    this.#url = new URL(url, location.href);
    document.addEventListener("visibilitychange", this.#onVisibility);
    addEventListener("pagehide", this.#rest);
    addEventListener("pageshow", this.#wake);
    if (!document.hidden) this.#open();
  }

  get readyState() {
    return this.#isClosed ? EventSource.CLOSED : (this.#inner?.readyState ?? EventSource.CONNECTING);
  }

  addEventListener(name, listener) {
    this.#listeners.push([name, listener]);
    this.#inner?.addEventListener(name, listener);
  }

  removeEventListener(name, listener) {
    this.#listeners = this.#listeners.filter((pair) => pair[0] !== name || pair[1] !== listener);
    this.#inner?.removeEventListener(name, listener);
  }

  close() {
    this.#isClosed = true;
    this.#rest();
    document.removeEventListener("visibilitychange", this.#onVisibility);
    removeEventListener("pagehide", this.#rest);
    removeEventListener("pageshow", this.#wake);
  }

  #open() {
    clearTimeout(this.#timer);
    if (this.#last) this.#url.searchParams.set("after", this.#last);
    if (this.#glances) this.#url.searchParams.set("glance", "1");
    else this.#url.searchParams.delete("glance");
    this.#isWelcome = false;
    this.#expect(this.#giveUp, WELCOME_WITHIN);
    const inner = new EventSource(this.#url);
    let isOpen = false;
    let begun = Infinity;
    inner.onopen = (event) => {
      isOpen = true;
      this.onopen?.(event);
    };
    inner.onerror = (event) => {
      if (this.#glances && this.#isWelcome) {
        this.#isWelcome = false; // the end of a glance; the browser comes back by itself
        return;
      }
      // A server that refuses or is away holds nothing back: the next try is like this one. Only what
      // was opened and cut off before its welcome speaks for a proxy.
      if (isOpen && !this.#isWelcome) this.#glances = !this.#glances;
      clearTimeout(this.#patience);
      const isRefused = inner.readyState === EventSource.CLOSED;
      inner.close();
      if (performance.now() - begun > SOUND) this.#wait = SHORTEST_WAIT;
      this.#openLater();
      if (isRefused) this.#askIfGone();
      this.onerror?.(event);
    };
    for (const [name, listener] of this.#listeners) inner.addEventListener(name, listener);
    for (const name of ["welcome", "ping", "log", "preview"])
      inner.addEventListener(name, () => this.#expect(this.#again, SILENT_FOR));
    inner.addEventListener("welcome", () => {
      this.#isWelcome = true;
      begun = performance.now();
      this.onwelcome?.(this.#glances);
      if (this.#glances && ++this.#looks % STREAM_AGAIN === 0) this.#tryStream();
    });
    inner.addEventListener("log", (event) => (this.#last = event.lastEventId));
    this.#inner = inner;
  }

  // What there is nothing of any more, Back may still show: no answer but 404 will ever come.
  async #askIfGone() {
    const aborting = new AbortController();
    const answer = await fetch(this.#url, { signal: aborting.signal }).catch(() => null);
    aborting.abort();
    if (answer?.status !== 404 || this.#isClosed) return;
    this.close();
    document.dispatchEvent(new CustomEvent("live:gone"));
  }

  #openLater() {
    this.#inner = null;
    this.#timer = setTimeout(() => this.#open(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }

  #expect(otherwise, within) {
    clearTimeout(this.#patience);
    this.#patience = setTimeout(otherwise, within);
  }

  #giveUp = () => {
    const isLost = this.#glances; // neither a stream nor a glance: then nothing comes through at all
    this.#glances = !isLost;
    this.#again();
    if (isLost) this.onerror?.(new Event("error"));
  };

  #again = () => {
    this.#inner?.close();
    this.#open();
  };

  #rest = () => {
    clearTimeout(this.#timer);
    clearTimeout(this.#patience);
    this.#inner?.close();
    this.#inner = null;
  };

  #wake = () => {
    if (!this.#inner && !this.#isClosed) this.#tryStream();
  };

  #tryStream() {
    this.#glances = false; // the way may be another one now
    this.#again();
  }

  #onVisibility = () => {
    clearTimeout(this.#timer);
    if (document.hidden) this.#timer = setTimeout(this.#rest, HIDDEN_FOR);
    else this.#wake();
  };
}

htmx.createEventSource = (url) => new Source(url);
