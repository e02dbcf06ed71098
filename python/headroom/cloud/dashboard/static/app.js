// What makes the pages quicker to use. Without it everything can still be read and done.
"use strict";
const root = document.documentElement;
root.classList.add("scripted");

const isDark = () =>
  root.dataset.theme ? root.dataset.theme === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;

document.querySelector(".theme-button")?.addEventListener("click", () => {
  root.dataset.theme = isDark() ? "light" : "dark";
  try {
    localStorage.setItem("headroom-theme", root.dataset.theme);
  } catch {
    // It holds for this page then.
  }
  document.dispatchEvent(new Event("theme"));
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => document.dispatchEvent(new Event("theme")));

const menuButton = document.querySelector(".menu-button");
menuButton?.addEventListener("click", () => {
  const isOpen = document.getElementById("menu").classList.toggle("open");
  menuButton.setAttribute("aria-expanded", String(isOpen));
});

// A filter counts as soon as it is chosen; what is not set stays out of the URL.
for (const form of document.querySelectorAll(".filter-form, .dates form")) {
  form.addEventListener("formdata", (event) => {
    for (const [name, value] of [...event.formData]) if (value === "") event.formData.delete(name);
  });
}
for (const select of document.querySelectorAll(".filter-form select"))
  select.addEventListener("change", () => select.form.requestSubmit());

// A page that is on its way says so.
const wait = (isWaiting) => {
  root.classList.toggle("loading", isWaiting);
  document.getElementById("main")?.toggleAttribute("aria-busy", isWaiting);
};
let timer = 0;
document.addEventListener("submit", () => (timer = setTimeout(wait, 150, true)));
document.addEventListener("click", (event) => {
  const link = event.target.closest("a[href]");
  const isPlain = link && !event.ctrlKey && !event.metaKey && !event.shiftKey && event.button === 0;
  if (isPlain && !link.hasAttribute("download") && link.origin === location.origin && !link.hash)
    timer = setTimeout(wait, 150, true);
});
addEventListener("pageshow", () => {
  clearTimeout(timer);
  wait(false);
});

for (const button of document.querySelectorAll("[data-copy]"))
  button.addEventListener("click", async () => {
    const shown = document.getElementById(button.dataset.copy);
    try {
      await navigator.clipboard.writeText(shown.textContent);
      button.textContent = "Copied";
    } catch {
      getSelection().selectAllChildren(shown);
      button.textContent = "Selected: copy it";
    }
  });

// Tables sort by the column whose heading is pressed: numbers from the largest, names from A.
const sort = (table, index, button) => {
  const heading = button.closest("th");
  const isNumber = heading.classList.contains("number");
  const now = heading.getAttribute("aria-sort");
  const isDown = now ? now === "ascending" : isNumber;
  for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
  heading.setAttribute("aria-sort", isDown ? "descending" : "ascending");
  const body = table.tBodies[0];
  const value = (row) => {
    const cell = row.cells[index];
    return isNumber ? (cell.dataset.value === "" ? -Infinity : Number(cell.dataset.value)) : cell.textContent.trim();
  };
  const compare = (a, b) => (isNumber ? value(a) - value(b) : value(a).localeCompare(value(b)));
  body.append(...[...body.rows].sort((a, b) => (isDown ? -compare(a, b) : compare(a, b))));
};
for (const table of document.querySelectorAll("table.sheet")) {
  if (!table.tBodies[0] || table.tBodies[0].rows.length < 2) continue;
  [...table.tHead.rows[0].cells].forEach((heading, index) => {
    if (heading.querySelector("*")) return;
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    button.addEventListener("click", () => sort(table, index, button));
    heading.replaceChildren(button);
  });
}
