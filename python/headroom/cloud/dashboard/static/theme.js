// Before anything is drawn: the theme that was chosen here, if one was. Otherwise the system's counts.
"use strict";
try {
  const chosen = localStorage.getItem("headroom-theme");
  if (chosen === "light" || chosen === "dark") document.documentElement.dataset.theme = chosen;
} catch {
  // Storage may be forbidden; then the system's theme it is.
}
