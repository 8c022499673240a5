// Event sources for htmx that never lose their place. A source that is opened again asks for what
// came after the last event it saw; a hidden tab gives its connection back, for a browser has few.

const HIDDEN_FOR = 5_000;
const LONGEST_WAIT = 30_000;

class Source {
  #url;
  #listeners = [];
  #inner = null;
  #last = "";
  #wait = 500;
  #timer = 0;
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
    const inner = new EventSource(this.#url);
    inner.onopen = (event) => {
      this.#wait = 500;
      this.onopen?.(event);
    };
    inner.onerror = (event) => {
      // The browser tries again by itself, except after an answer that was no stream.
      if (inner.readyState === EventSource.CLOSED) this.#openLater();
      this.onerror?.(event);
    };
    for (const [name, listener] of this.#listeners) inner.addEventListener(name, listener);
    inner.addEventListener("log", (event) => (this.#last = event.lastEventId));
    this.#inner = inner;
  }

  #openLater() {
    this.#inner = null;
    this.#timer = setTimeout(() => this.#open(), this.#wait);
    this.#wait = Math.min(this.#wait * 2, LONGEST_WAIT);
  }

  #rest = () => {
    clearTimeout(this.#timer);
    this.#inner?.close();
    this.#inner = null;
  };

  #wake = () => {
    if (!this.#inner && !this.#isClosed) this.#open();
  };

  #onVisibility = () => {
    clearTimeout(this.#timer);
    if (document.hidden) this.#timer = setTimeout(this.#rest, HIDDEN_FOR);
    else this.#wake();
  };
}

htmx.createEventSource = (url) => new Source(url);
