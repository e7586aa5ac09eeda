// Runs before the page is painted, so that a chosen theme does not flash. What is kept is the theme's name.
"use strict";
try {
  const theme = localStorage.getItem("voxgate-theme");
  if (theme === "light" || theme === "dark") document.documentElement.dataset.theme = theme;
} catch {
  // Storage is switched off: the system's theme it is.
}
