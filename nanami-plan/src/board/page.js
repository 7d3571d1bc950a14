"use strict";
(() => {
  const root = document.documentElement, svg = document.querySelector("svg.board"), form = document.getElementById("filters");
  const fields = ["text", "group", "network", "owner", "path", "status", "plan"].filter((name) => document.getElementById("filters").elements[name]), aside = document.getElementById("explanations");
  const close = aside.querySelector(".close"), output = form.querySelector("output");
  const nodes = [...svg.querySelectorAll(".card")], links = [...svg.querySelectorAll(".link[id]")];
  const tag = (link) => document.getElementById("tag." + link.id);
  const mark = (link, name, on) => { for (const part of [link, tag(link)]) part.classList.toggle(name, on); };
  const total = links.reduce((sum, link) => sum + Number(link.dataset.count), 0);
  const kinds = ["gained", "lost", "rerouted", "disturbed"], planned = fields.includes("plan");
  let chosen = "";

  // Who stands behind the cards that stand for many.
  const members = {};
  let rows;
  for (const line of (document.getElementById("members")?.textContent || "").split("\n")) {
    if (line.startsWith("=")) rows = members[line.slice(1)] = [];
    else if (line) {
      const [names, groups, networks, owners, status, plan] = line.split("\t");
      rows.push({ names, groups, networks, owners, status, plan, removed: plan === "removed" });
    }
  }
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

  const matching = {}, LISTED = 200;
  const peersOf = (count) => (count === 1 ? "1 peer" : `${count} peers`);

  // What is filtered out is dimmed, never removed; a link that leaves the selection says where it goes.
  const filter = () => {
    const want = Object.fromEntries(fields.map((name) => [name, form.elements[name].value.trim().toLowerCase()]));
    const ofNodes = want.group || want.network || want.owner;
    const says = (element) => !want.text || element.dataset.names.toLowerCase().includes(want.text);
    const isMember = (data) => (!want.group || has(data.groups, want.group)) && (!want.network || has(data.networks, want.network)) && (!want.owner || has(data.owners, want.owner));
    const isShown = (data) => isMember(data) && (!want.text || data.names.toLowerCase().includes(want.text)) && (!want.status || data.status === want.status) && !want.path && !want.plan;
    const active = fields.some((name) => want[name]);
    for (const node of nodes) {
      const data = node.dataset, many = members[node.id];
      const member = many ? many.some(isMember) : isMember(data);
      // Who looks for a group by its name means all who are in it.
      matching[node.id] = many ? many.filter((peer) => isShown({ ...peer, names: `${peer.names} ${data.names}` })) : [];
      const fits = many ? matching[node.id].length > 0 : isShown(node.classList.contains("route") ? { ...data, status: want.status } : data);
      if (many) node.querySelector(".part").textContent = active && !want.path && !want.plan ? `${matching[node.id].length} of ${many.length} peers` : peersOf(many.length);
      node.dataset.member = member ? "yes" : "no";
      node.classList.toggle("out", !fits);
    }
    const hubs = new Set(nodes.filter((node) => node.dataset.member === "yes").map((node) => node.dataset.hub));
    const member = (id) => (id.startsWith("hub.") ? hubs.has(id) : document.getElementById(id)?.dataset.member !== "no");
    let shown = 0;
    const changes = Object.fromEntries(kinds.map((kind) => [kind, 0]));
    const isChanged = (data) => !want.plan || (want.plan === "changes" ? Boolean(data.plan) : has(data.plan, want.plan));
    for (const link of links) {
      const data = link.dataset, fits = (!want.path || data.path === want.path) && (!want.status || has(data.status, want.status)) && isChanged(data) && says(link);
      const ends = [member(data.from), member(data.to)], inside = !ofNodes || (ends[0] && ends[1]);
      const leaving = Boolean(ofNodes) && fits && ends[0] !== ends[1];
      mark(link, "leaving", leaving);
      stub(link, ends[0], leaving);
      mark(link, "out", !(fits && inside) && !leaving);
      if (fits && inside) {
        shown += Number(data.count);
        for (const kind of kinds) changes[kind] += Number(data[kind] || 0);
        if (want.path || want.text || want.status || want.plan) for (const end of [data.from, data.to, ...data.stops.trim().split(" ")]) document.getElementById(end)?.classList.remove("out");
      }
    }
    svg.classList.toggle("filtered", active);
    if (!active) for (const element of nodes) element.classList.remove("out");
    // Peers that a plan removes are shown, not counted.
    const stay = (peers) => peers.filter((peer) => !peer.removed).length;
    const count = (of) => nodes.filter((node) => !node.classList.contains("route")).reduce((sum, node) => sum + of(node), 0);
    const peers = count((node) => (members[node.id] ? stay(members[node.id]) : node.dataset.removed ? 0 : 1));
    const kept = count((node) => (node.classList.contains("out") || node.dataset.removed ? 0 : members[node.id] ? stay(matching[node.id]) || stay(members[node.id]) : 1));
    output.value = `${active ? kept : peers} of ${peers} peers, ${active ? shown : total} of ${total} links` + (planned ? `; ${kinds.map((kind) => `${changes[kind]} ${kind}`).join(", ")}` : "");
    if (members[chosen]) list(chosen);
  };

  // A screenful of those that the filter leaves, and how many more there are.
  const list = (id) => {
    const found = matching[id], article = document.getElementById("why.members");
    const line = (peer) => `${peer.names.split(" ").join("  ")}  ${peer.status}${peer.plan ? ", " + peer.plan : ""}`;
    const more = found.length - LISTED;
    article.querySelector("h2").textContent = document.getElementById(id).querySelector("title").textContent;
    article.querySelector("pre").textContent = [...found.slice(0, LISTED).map(line), ...(more > 0 ? [`and ${more} more: Find narrows them down`] : [])].join("\n");
  };

  const show = (id) => {
    chosen = id;
    for (const link of links) {
      mark(link, "chosen", link.id === id);
      link.setAttribute("aria-pressed", String(link.id === id));
    }
    for (const node of nodes) if (members[node.id]) node.classList.toggle("chosen", node.id === id);
    if (members[id]) list(id);
    const shown = "why." + (members[id] ? "members" : id);
    let any = false;
    for (const article of aside.querySelectorAll("article")) {
      const is = article.id === shown;
      article.classList.toggle("chosen", is);
      any ||= is;
    }
    aside.querySelector(".hint").hidden = any;
    close.hidden = !any;
    // Beside the picture, however long that is: whoever chose a link still sees it.
    aside.classList.toggle("open", any);
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
    const part = event.target.closest(".link[id], .tag[id], .card.many");
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
