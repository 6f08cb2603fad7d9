// Loads a page again that the browser has kept, because the user can have logged out since.
addEventListener("pageshow", (event) => event.persisted && location.reload());

// Shows a link when another user has posted a notice.
const newer = document.getElementById("newer");
if (newer) {
  setInterval(async () => {
    // Each request counts as use of the session, which must expire in a hidden tab.
    if (document.hidden) return;
    const response = await fetch("/api/notices");
    if (!response.ok) return;
    const [newest] = await response.json();
    newer.hidden = !newest || newest.id <= Number(newer.dataset.newest);
  }, 10_000);
}
