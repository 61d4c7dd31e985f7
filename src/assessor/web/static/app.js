// Makes pages better that work without it. No inline code, no eval: the site's policy forbids both.
"use strict";

// Times are written in UTC; here they are put into the reader's own zone, with the written form as a hint.
function localTimes(root) {
  const format = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });
  for (const time of root.querySelectorAll("time[datetime]:not([data-local])")) {
    const at = new Date(time.dateTime);
    if (Number.isNaN(at.getTime())) continue;
    time.title = time.textContent;
    time.textContent = format.format(at);
    time.dataset.local = "";
  }
}

// What went wrong is where reading goes on.
function goToProblem() {
  const alert = document.querySelector(".alert[role=alert]");
  const field = document.querySelector("[aria-invalid=true]") || (alert && document.querySelector("main form input:not([type=hidden])"));
  if (field) field.focus();
}

// A form is sent once, however often its button is pressed.
document.addEventListener("submit", (event) => {
  const form = event.target;
  if (form.dataset.sent !== undefined) {
    event.preventDefault();
    return;
  }
  if (form.method === "post" && !form.hasAttribute("hx-post")) form.dataset.sent = "";
});
// Back in the history it may be sent again.
window.addEventListener("pageshow", () => {
  for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent;
});

// A live page is over: what came of it is on the page as it is now.
document.addEventListener("htmx:sseClose", (event) => {
  if (event.detail && event.detail.type === "message") window.location.reload();
});

// Files may be dropped where they can be chosen.
for (const zone of document.querySelectorAll("[data-drop]")) {
  const input = zone.querySelector("input[type=file]");
  const over = (event) => {
    event.preventDefault();
    zone.classList.add("over");
  };
  zone.addEventListener("dragenter", over);
  zone.addEventListener("dragover", over);
  zone.addEventListener("dragleave", () => zone.classList.remove("over"));
  zone.addEventListener("drop", (event) => {
    event.preventDefault();
    zone.classList.remove("over");
    const told = zone.querySelector("[data-told]");
    told.textContent = "";
    // A folder that is dropped comes as a file that cannot be read.
    if ([...event.dataTransfer.items].some((one) => one.webkitGetAsEntry()?.isDirectory)) {
      told.textContent = told.dataset.told;
      return;
    }
    if (!event.dataTransfer.files.length) return;
    input.files = event.dataTransfer.files;
    input.focus();
  });
}

// The editor is large: it is fetched once somebody opens what it is for.
for (const place of document.querySelectorAll("details[data-editors]")) {
  const load = () => {
    if (!place.open || place.dataset.loaded !== undefined) return;
    place.dataset.loaded = "";
    const script = document.createElement("script");
    script.src = place.dataset.editors;
    document.head.append(script);
  };
  place.addEventListener("toggle", load);
  load();
}

// A line of the work is chosen for a remark by a click on its number; by keyboard its number is written.
for (const file of document.querySelectorAll("[data-file]")) {
  const place = file.querySelector("details[data-remark]");
  if (!place) continue;
  file.classList.add("choosing");
  file.addEventListener("click", (event) => {
    const line = event.target.closest(".line");
    // Numbers stand before the text: a click further right is for selecting text.
    if (!line || event.clientX - line.getBoundingClientRect().left > 56) return;
    place.open = true;
    place.querySelector("input[name=line]").value = line.dataset.line;
    place.querySelector("textarea").focus();
  });
}

localTimes(document);
goToProblem();
document.addEventListener("htmx:load", (event) => localTimes(event.target));
