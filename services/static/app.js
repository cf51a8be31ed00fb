// Keeps every element with `data-refresh` (and an id) fresh: every 5 s the page it came from, or the address in the
// attribute, is asked for with the last ETag. 304 changes nothing; otherwise the element of the same id is morphed in
// place, so focus, selection and scroll stay, and it emits `refreshed`. A page in the background asks nothing. The ETag
// must be of the data shown: the bytes of a whole page differ at each answer by their CSRF tokens.
"use strict";

const PERIOD_MS = 5000;

async function refresh(element, seen) {
  const headers = seen.etag ? { "If-None-Match": seen.etag } : {};
  const answer = await fetch(element.dataset.refresh || location.href, { headers, cache: "no-store" });
  if (!answer.ok || answer.redirected) return;  // 304, an error, or the session has ended: keep what is shown
  seen.etag = answer.headers.get("ETag");
  await htmx.swap({
    sourceElement: element, target: element, select: `#${element.id}`, swap: "outerMorph", text: await answer.text(),
  });
  document.getElementById(element.id)?.dispatchEvent(new Event("refreshed", { bubbles: true }));
}

function keepFresh(id, seen = {}) {
  setTimeout(async () => {
    const element = document.getElementById(id);
    if (!element) return;
    if (document.visibilityState === "visible") {
      await refresh(element, seen).catch(() => undefined);  // the line is down: the next turn tries again
    }
    keepFresh(id, seen);
  }, PERIOD_MS);
}

for (const element of document.querySelectorAll("[data-refresh]")) keepFresh(element.id);
