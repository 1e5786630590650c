// Countdowns by the server's clock, and the two things a live log needs. No rule of the platform is here.
"use strict";

// Milliseconds the server's clock is ahead of this one; renewed by every answer that carries data-server-time.
let ahead = 0;

function readClock(root) {
  const holder = root.matches?.("[data-server-time]") ? root : root.querySelector("[data-server-time]");
  if (holder) ahead = Date.parse(holder.dataset.serverTime) - Date.now();
}

function two(n) {
  return String(n).padStart(2, "0");
}

// The same words as `remaining` in render.py.
function remaining(seconds) {
  const late = seconds < 0;
  const total = Math.abs(Math.trunc(seconds));
  const [days, hours, minutes] = [Math.trunc(total / 86400), Math.trunc(total / 3600) % 24, Math.trunc(total / 60) % 60];
  const text = days ? `${days} d ${two(hours)} h`
    : hours ? `${hours} h ${two(minutes)} min`
    : `${minutes} min ${two(total % 60)} s`;
  return late ? `${text} ago` : `in ${text}`;
}

function tick() {
  const now = Date.now() + ahead;
  for (const element of document.querySelectorAll("time[data-deadline]")) {
    const seconds = (Date.parse(element.dateTime) - now) / 1000;
    const text = remaining(seconds);
    if (element.textContent !== text) element.textContent = text;
    element.dataset.urgency = seconds < 0 ? "late" : seconds < 1800 ? "soon" : "";
  }
}

// A node that ran again after a crash: its earlier entries no longer stand.
function strikeReplaced(entry) {
  if (!entry?.dataset.task) return;
  const earlier = entry.parentElement.querySelectorAll(`[data-task="${CSS.escape(entry.dataset.task)}"]`);
  for (const other of earlier) {
    if (Number(other.dataset.epoch) >= Number(entry.dataset.epoch) || other.classList.contains("replaced")) continue;
    other.classList.add("replaced");
    other.querySelector(".replaced-note").hidden = false;
  }
}

document.addEventListener("DOMContentLoaded", () => {
  readClock(document.documentElement);
  tick();
  setInterval(tick, 1000);
});

document.addEventListener("htmx:afterSwap", (event) => {
  readClock(event.detail.elt);
  tick();
  if (event.detail.elt.id !== "live") return;
  // An update came through: what was said while none did (logged out, database away) is over.
  for (const said of document.querySelectorAll("#notice [data-problem=Unauthenticated], #notice [data-problem=NotReady]")) {
    said.remove();
  }
});

// A hidden tab gives its connection back: a browser opens only six to one host, and every open case holds one.
// Shown again, or after an error, it goes on after the last entry it has.
const FIRST_PATIENCE = 1000; // milliseconds before the first new try after a refusal; each further one waits longer

class LogSource extends EventTarget {
  constructor(url) {
    super();
    this.url = new URL(url, location.href);
    this.readyState = EventSource.CONNECTING;
    this.names = new Set();
    this.patience = FIRST_PATIENCE;
    this.onVisible = () => (document.hidden ? this.pause() : this.connect());
    document.addEventListener("visibilitychange", this.onVisible);
    this.onVisible();
  }

  addEventListener(name, listener) {
    super.addEventListener(name, listener);
    this.names.add(name);
    this.inner?.addEventListener(name, this.relay);
  }

  relay = (event) => {
    if (event.lastEventId) this.url.searchParams.set("after", event.lastEventId);
    this.dispatchEvent(new MessageEvent(event.type, { data: event.data, lastEventId: event.lastEventId }));
  };

  connect() {
    if (this.inner || this.readyState === EventSource.CLOSED) return;
    this.inner = new EventSource(this.url);
    for (const name of this.names) this.inner.addEventListener(name, this.relay);
    this.inner.onopen = (event) => {
      this.readyState = EventSource.OPEN;
      this.patience = FIRST_PATIENCE;
      this.onopen?.(event);
    };
    this.inner.onerror = () => {
      if (this.inner?.readyState !== EventSource.CLOSED) return;
      this.pause();
      this.patience = Math.min(this.patience * 2, 30000);
      setTimeout(() => { if (!document.hidden) this.connect(); }, this.patience);
    };
  }

  pause() {
    this.inner?.close();
    this.inner = undefined;
  }

  close() {
    this.pause();
    this.readyState = EventSource.CLOSED;
    document.removeEventListener("visibilitychange", this.onVisible);
  }
}

htmx.createEventSource = (url) => new LogSource(url);

document.addEventListener("htmx:sseBeforeMessage", (event) => {
  if (document.getElementById(`log-${event.detail.lastEventId}`)) event.preventDefault();
});

document.addEventListener("htmx:sseMessage", (event) => {
  const entry = document.getElementById(`log-${event.detail.lastEventId}`);
  if (!entry) return;
  strikeReplaced(entry);
  entry.parentElement.scrollTop = entry.parentElement.scrollHeight;
});

document.addEventListener("change", (event) => {
  event.target.closest("form[data-submit-on-change]")?.requestSubmit();
});
