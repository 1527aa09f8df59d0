// Times in the reader's time zone, and a new login where a stream is refused.
"use strict";

const UNITS = [["day", 86400], ["hour", 3600], ["minute", 60], ["second", 1]];
const relative = new Intl.RelativeTimeFormat(undefined, { numeric: "auto" });

function tellTimes() {
  for (const each of document.querySelectorAll("time[datetime]")) {
    const moment = new Date(each.dateTime);
    const seconds = Math.min(0, Math.round((moment - Date.now()) / 1000));
    const [unit, size] = UNITS.find(([, size]) => -seconds >= size) ?? ["second", 1];
    const text = relative.format(Math.trunc(seconds / size), unit);
    if (each.textContent !== text) each.textContent = text;
    each.title = moment.toLocaleString();
  }
}

tellTimes();
setInterval(tellTimes, 15000);
document.addEventListener("htmx:after:swap", tellTimes);
document.addEventListener("htmx:sse:after:message", tellTimes);

// --- requests

// Scripts of other pages of this site do not have the token.
document.addEventListener("htmx:config:request", ({ detail }) => {
  const token = document.querySelector('meta[name="page-token"]')?.content;
  if (token) detail.ctx.request.headers["X-Page-Token"] = token;
});

// --- streams

const AGAIN = 10000; // milliseconds until a stream that was refused is requested again

function notice(text) {
  const shown = document.createElement("p");
  shown.className = "warning";
  shown.role = "alert";
  shown.textContent = text;
  document.getElementById("notice").replaceChildren(shown);
}

document.addEventListener("htmx:sse:error", (event) => {
  if (event.detail.status === 401) location.reload();
  else notice("This page does not update by itself at the moment.");
});
document.addEventListener("htmx:before:request", ({ target }) => {
  if (target.id === "filter") document.getElementById("notice").replaceChildren();
});
// A tab that is opened in the background would keep one of the browser's connections.
document.addEventListener("htmx:sse:after:connection", () => {
  document.getElementById("notice")?.replaceChildren();
  if (document.hidden) {
    setTimeout(() => document.dispatchEvent(new Event("visibilitychange")));
  }
});
// The first request of a stream is not repeated by htmx.
for (const name of ["htmx:response:error", "htmx:error"]) {
  document.addEventListener(name, ({ target }) => {
    const stream = target.getAttribute?.("hx-sse:connect");
    notice(stream ? "This page does not update by itself at the moment."
                  : "The server does not respond as expected. Try again.");
    if (!stream) return;
    setTimeout(() => {
      if (target.isConnected) htmx.ajax("GET", stream, { source: target });
    }, AGAIN);
  });
}
// What the reader has opened stays open.
htmx.config.morphIgnore.push("open");

// --- a log that is written

const MOST = 4 << 20; // characters that are shown

function append(log, text) {
  const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
  log.append(text);
  while (log.childNodes.length > 1 && log.textContent.length > MOST) log.firstChild.remove();
  if (isAtEnd) log.scrollTop = log.scrollHeight;
}

const log = document.getElementById("log");
if (log) {
  log.scrollTop = log.scrollHeight;
  log.addEventListener("log", (event) => append(log, JSON.parse(event.detail.data).text));
  log.addEventListener("end", () => {
    document.getElementById("log-state").textContent = "The log is complete.";
  });
}

// --- a build

// Its end stays visible, unless somebody reads it.
document.addEventListener("htmx:sse:after:message", () => {
  const shown = document.getElementById("build-log");
  if (shown && !shown.matches(":hover, :focus")) shown.scrollTop = shown.scrollHeight;
});

// --- forms

document.addEventListener("htmx:after:swap", () => {
  for (const each of document.querySelectorAll("[data-field]")) {
    const field = document.getElementById(each.dataset.field);
    if (each.textContent.trim()) field?.setAttribute("aria-invalid", "true");
    else field?.removeAttribute("aria-invalid");
  }
});
// What takes long says so.
document.addEventListener("submit", ({ submitter }) => {
  if (!submitter?.dataset.busy) return;
  submitter.setAttribute("aria-busy", "true");
  submitter.textContent = submitter.dataset.busy;
});
addEventListener("pageshow", ({ persisted }) => {
  if (persisted && document.querySelector("[aria-busy]")) location.reload();
});
