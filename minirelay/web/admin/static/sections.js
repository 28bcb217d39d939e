// The sections of the page, in their order: a new one is a line here and a file beside it.
//
// A section's file exports `open(root, parts)`: fills an element, given the parts of the address behind the section's name
// ("#shops/12/orders" gives ["12", "orders"]), and may give a function that is called when the section is left.

export const sections = [
  { name: "now", title: "Now", load: () => import("./now.js") },
  { name: "shops", title: "Shops", load: () => import("./shops.js") },
  { name: "payments", title: "Payments", load: () => import("./payments.js") },
  { name: "alerts", title: "Alerts", load: () => import("./alerts.js") },
  { name: "log", title: "Log", load: () => import("./log.js") },
  { name: "backups", title: "Backups", load: () => import("./backups.js") },
  { name: "settings", title: "Settings", load: () => import("./settings.js") },
  { name: "dev", title: "Development", load: () => import("/dev/section.js"), isDevelopmentOnly: true },
].filter((one) => !one.isDevelopmentOnly || document.documentElement.dataset.development === "yes");
