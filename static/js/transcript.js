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

  const isWithin = (pixels) => page.scrollHeight - page.scrollTop - page.clientHeight <= pixels;
  const isAtEnd = () => isWithin(NEAR);
  const toEnd = () => page.scrollTo({ top: page.scrollHeight });
  const follow = () => (following ? toEnd() : (jump.hidden = isAtEnd()));

  // Only a scroll upwards is the reader's wish; growth alone also moves us away from the end. A turn of
  // the wheel is known before what it scrolls, frame by frame: to follow in between would take it back.
  let top = page.scrollTop;
  let upUntil = 0;
  addEventListener("wheel", ({ deltaY }) => {
    if (deltaY >= 0 || !page.scrollTop) return;
    following = false;
    upUntil = performance.now() + PAUSE;
  }, { passive: true });
  addEventListener("scroll", () => {
    if (page.scrollTop < top && !isWithin(1)) following = false;
    else if (isAtEnd() && performance.now() > upUntil) following = true;
    top = page.scrollTop;
    jump.hidden = following || isAtEnd();
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
