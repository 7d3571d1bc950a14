"use strict";
(() => {
  const root = document.documentElement, svg = document.querySelector("svg.board"), form = document.getElementById("filters");
  const fields = ["text", "group", "network", "path", "status"], aside = document.getElementById("explanations");
  const close = aside.querySelector(".close"), output = form.querySelector("output");
  const nodes = [...svg.querySelectorAll(".card")], links = [...svg.querySelectorAll(".link[id]")];
  const tag = (link) => document.getElementById("tag." + link.id);
  const mark = (link, name, on) => { for (const part of [link, tag(link)]) part.classList.toggle(name, on); };
  const total = links.reduce((sum, link) => sum + Number(link.dataset.count), 0);
  let chosen = "";
  root.classList.add("scripted");

  const has = (list, word) => (list || "").split(" ").includes(word);

  // A link that leaves the selection is drawn as a stub at the end that stays, with the name of the other end.
  const STUB = 46;
  const stub = (link, atFrom, leaving) => {
    const text = tag(link).querySelector(".stub"), tubes = [...link.querySelectorAll(".tube")];
    for (const tube of tubes) tube.style.strokeDasharray = leaving ? "0 1" : "";
    link.classList.toggle("at-from", leaving && atFrom);
    if (!leaving) return;
    const tube = atFrom ? tubes[0] : tubes[tubes.length - 1];
    const length = tube.getTotalLength(), end = link.dataset[atFrom ? "toName" : "fromName"];
    const at = tube.getPointAtLength(atFrom ? STUB + 8 : Math.max(0, length - STUB - 8));
    tube.style.strokeDasharray = atFrom ? `${STUB} ${length}` : `0 ${Math.max(0, length - STUB)} ${STUB}`;
    text.textContent = atFrom ? "to " + end : "from " + end;
    text.setAttribute("x", at.x);
    text.setAttribute("y", at.y + 4);
  };

  // What is filtered out is dimmed, never removed; a link that leaves the selection says where it goes.
  const filter = () => {
    const want = Object.fromEntries(fields.map((name) => [name, form.elements[name].value.trim().toLowerCase()]));
    const ofNodes = want.group || want.network;
    const says = (element) => !want.text || element.dataset.names.toLowerCase().includes(want.text);
    for (const node of nodes) {
      const data = node.dataset, route = node.classList.contains("route");
      const member = (!want.group || has(data.groups, want.group)) && (!want.network || has(data.networks, want.network));
      const fits = member && says(node) && (route || !want.status || data.status === want.status) && !want.path;
      node.dataset.member = member ? "yes" : "no";
      node.classList.toggle("out", !fits);
    }
    const hubs = new Set(nodes.filter((node) => node.dataset.member === "yes").map((node) => node.dataset.hub));
    const member = (id) => (id.startsWith("hub.") ? hubs.has(id) : document.getElementById(id)?.dataset.member !== "no");
    let shown = 0;
    for (const link of links) {
      const data = link.dataset, fits = (!want.path || data.path === want.path) && (!want.status || has(data.status, want.status)) && says(link);
      const ends = [member(data.from), member(data.to)], inside = !ofNodes || (ends[0] && ends[1]);
      const leaving = Boolean(ofNodes) && fits && ends[0] !== ends[1];
      mark(link, "leaving", leaving);
      stub(link, ends[0], leaving);
      mark(link, "out", !(fits && inside) && !leaving);
      if (fits && inside) {
        shown += Number(data.count);
        if (want.path || want.text || want.status) for (const end of [data.from, data.to, ...data.stops.trim().split(" ")]) document.getElementById(end)?.classList.remove("out");
      }
    }
    const active = fields.some((name) => want[name]);
    svg.classList.toggle("filtered", active);
    if (!active) for (const element of nodes) element.classList.remove("out");
    const kept = nodes.filter((node) => !node.classList.contains("out") && !node.classList.contains("route")).length;
    const peers = nodes.filter((node) => !node.classList.contains("route")).length;
    output.value = `${active ? kept : peers} of ${peers} peers, ${active ? shown : total} of ${total} links`;
  };

  const show = (id) => {
    chosen = id;
    for (const link of links) {
      mark(link, "chosen", link.id === id);
      link.setAttribute("aria-pressed", String(link.id === id));
    }
    let any = false;
    for (const article of aside.querySelectorAll("article")) {
      const is = article.id === "why." + id;
      article.classList.toggle("chosen", is);
      any ||= is;
    }
    aside.querySelector(".hint").hidden = any;
    close.hidden = !any;
    if (any) aside.querySelector(".chosen").scrollIntoView({ block: "nearest" });
  };

  // The view is in the fragment, so that it can be sent.
  const write = () => {
    const view = new URLSearchParams();
    for (const name of fields) if (form.elements[name].value) view.set(name, form.elements[name].value);
    if (chosen) view.set("focus", chosen);
    history.replaceState(null, "", view.size ? "#" + view : location.pathname + location.search);
  };
  const read = () => {
    const view = new URLSearchParams(location.hash.slice(1));
    for (const name of fields) form.elements[name].value = view.get(name) || "";
    filter();
    show(view.get("focus") || "");
  };

  form.addEventListener("submit", (event) => event.preventDefault());
  form.addEventListener("input", () => { filter(); write(); });
  form.addEventListener("reset", () => setTimeout(() => { filter(); write(); }));
  const choose = (event) => {
    const part = event.target.closest(".link[id], .tag[id]");
    if (!part) return;
    const link = document.getElementById(part.id.replace(/^tag\./, ""));
    event.preventDefault();
    show(link.id === chosen ? "" : link.id);
    write();
  };
  svg.addEventListener("click", choose);
  svg.addEventListener("keydown", (event) => { if (event.key === "Enter" || event.key === " ") choose(event); });
  for (const link of links) for (const type of ["focus", "blur"]) link.addEventListener(type, () => tag(link).classList.toggle("focused", link.matches(":focus-visible")));
  const leave = () => { const link = document.getElementById(chosen); show(""); write(); link?.focus(); };
  close.addEventListener("click", leave);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape" && chosen) leave(); });
  addEventListener("hashchange", read);
  read();
})();
