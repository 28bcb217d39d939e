// The developer's window on a page of its own.

import { open } from "/dev/section.js";

const root = document.getElementById("section");
try {
  await open(root);
} catch (error) {
  root.textContent = error.message;
}
