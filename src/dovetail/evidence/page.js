"use strict";
// Light up what a dataset is tied to; without scripts the page loses only this, the filter and opening by link.
for (const map of document.querySelectorAll(".map")) {
  const ties = [...map.querySelectorAll("[data-a]")];
  const light = (name) => {
    const near = new Set([name]);
    for (const tie of ties) {
      const on = tie.dataset.a === name || tie.dataset.b === name;
      tie.classList.toggle("on", on);
      if (on) { near.add(tie.dataset.a); near.add(tie.dataset.b); }
    }
    for (const node of map.querySelectorAll(".node")) node.classList.toggle("on", near.has(node.getAttribute("href").slice(1)));
    map.classList.add("lit");
  };
  const dim = () => map.classList.remove("lit");
  for (const node of map.querySelectorAll(".node")) {
    const name = node.getAttribute("href").slice(1);
    node.addEventListener("mouseenter", () => light(name));
    node.addEventListener("focus", () => light(name));
    node.addEventListener("mouseleave", dim);
    node.addEventListener("blur", dim);
  }
}
const show = () => {
  const place = location.hash && document.getElementById(location.hash.slice(1));
  if (place && place.tagName === "DETAILS") { place.open = true; place.scrollIntoView(); }
};
addEventListener("hashchange", show);
show();
const filter = document.getElementById("filter");
filter.hidden = false;
filter.addEventListener("input", () => {
  const wanted = filter.value.trim().toLowerCase();
  for (const part of document.querySelectorAll("details.dataset")) part.hidden = !part.dataset.words.includes(wanted);
});
const folded = [];
addEventListener("beforeprint", () => {
  for (const part of document.querySelectorAll("details:not([open])")) { folded.push(part); part.open = true; }
});
addEventListener("afterprint", () => { for (const part of folded.splice(0)) part.open = false; });
