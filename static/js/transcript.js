// Keeps a transcript at its end while it grows, unless the reader scrolled up to read.

const NEAR = 80;
const PAUSE = 300; // milliseconds
const page = document.scrollingElement;

function watch(transcript) {
  if (transcript.watched) return;
  transcript.watched = true;
  let following = !location.hash && !new URLSearchParams(location.search).has("event");
  const jump = document.querySelector("#jump-template").content.firstElementChild.cloneNode(true);
  jump.hidden = true;
  transcript.after(jump);

  const isAtEnd = () => page.scrollHeight - page.scrollTop - page.clientHeight < NEAR;
  const toEnd = () => page.scrollTo({ top: page.scrollHeight });
  // A turn of the wheel is known before what it scrolls: to follow in between would take it back.
  let pausedUntil = 0;
  const follow = () => {
    if (!following) jump.hidden = isAtEnd();
    else if (performance.now() >= pausedUntil) toEnd();
  };
  addEventListener("wheel", ({ deltaY }) => {
    if (deltaY >= 0) return;
    pausedUntil = performance.now() + PAUSE;
    setTimeout(follow, PAUSE);
  }, { passive: true });

  // Only a scroll upwards is the reader's wish; growth alone also moves us away from the end.
  let top = page.scrollTop;
  addEventListener("scroll", () => {
    if (isAtEnd()) following = true;
    else if (page.scrollTop < top) following = false;
    top = page.scrollTop;
    jump.hidden = following;
  }, { passive: true });
  jump.addEventListener("click", () => {
    following = true;
    jump.hidden = true;
    toEnd();
  });
  new ResizeObserver(follow).observe(transcript);
  follow();
}

function start() {
  for (const transcript of document.querySelectorAll("[data-stick-to-bottom]")) watch(transcript);
}

document.addEventListener("htmx:load", start);
start();
