"""What every page owes to keyboards, screen readers, small screens and a strict browser."""

import pytest

pytestmark = pytest.mark.browser

#: Names the element of each fault; an empty list is a clean page.
CHECK = """() => {
  const faults = [];
  const name = e => e.outerHTML.slice(0, 80);
  const visible = e => e.checkVisibility();
  for (const field of document.querySelectorAll("input:not([type=hidden]), select, textarea"))
    if (!field.labels.length && !field.ariaLabel) faults.push("no label: " + name(field));
  for (const button of document.querySelectorAll("button, a[href], summary"))
    if (!button.textContent.trim() && !button.ariaLabel) faults.push("no name: " + name(button));
  for (const image of document.querySelectorAll("img"))
    if (!image.hasAttribute("alt")) faults.push("no alt: " + name(image));
  const ids = [...document.querySelectorAll("[id]")].map(e => e.id);
  for (const id of new Set(ids)) if (ids.filter(i => i === id).length > 1) faults.push("id twice: " + id);
  if (document.querySelectorAll("h1").length !== 1) faults.push("not one h1");
  let level = 0;
  for (const heading of [...document.querySelectorAll("h1,h2,h3,h4")].filter(visible)) {
    const next = Number(heading.tagName[1]);
    if (next > level + 1) faults.push("heading skips a level: " + name(heading));
    level = next;
  }
  for (const part of document.querySelectorAll("[aria-labelledby], [aria-describedby]"))
    for (const attribute of ["aria-labelledby", "aria-describedby"])
      for (const id of (part.getAttribute(attribute) || "").split(" ").filter(Boolean))
        if (!document.getElementById(id)) faults.push(attribute + " names nothing: " + id);
  for (const table of document.querySelectorAll("table"))
    if (!table.querySelector("th[scope]")) faults.push("table without headers: " + name(table));
  if (!document.documentElement.lang) faults.push("no language");
  if (!document.querySelector("main")) faults.push("no main");
  return faults;
}"""
#: Text whose contrast with the ground behind it is under 4.5:1 (WCAG 2, level AA).
CONTRAST = """() => {
  const canvas = document.createElement("canvas").getContext("2d", { willReadFrequently: true });
  const rgba = colour => {
    canvas.clearRect(0, 0, 1, 1); canvas.fillStyle = colour; canvas.fillRect(0, 0, 1, 1);
    return canvas.getImageData(0, 0, 1, 1).data;
  };
  const light = ([r, g, b]) => [r, g, b].map(c => (c /= 255) <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4)
    .reduce((sum, c, n) => sum + c * [0.2126, 0.7152, 0.0722][n], 0);
  const ground = e => {
    for (; e; e = e.parentElement) {
      const colour = rgba(getComputedStyle(e).backgroundColor);
      if (colour[3] > 250) return colour;
    }
    return [255, 255, 255];
  };
  const faults = new Set();
  for (const e of document.querySelectorAll("body *")) {
    if (!e.checkVisibility() || ![...e.childNodes].some(n => n.nodeType === 3 && n.data.trim())) continue;
    const [a, b] = [light(rgba(getComputedStyle(e).color)), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) faults.add(ratio.toFixed(2) + " " + e.outerHTML.slice(0, 80));
  }
  return [...faults];
}"""


@pytest.mark.parametrize("scheme", ["light", "dark"])
async def test_pages_are_labelled_ordered_and_readable(visit, asked, scheme):
    for path in ("/queue", f"/cases/{asked.case_id}"):
        page = await visit("ann", path, scheme=scheme)
        await page.locator("details").evaluate_all("all => all.forEach(d => { d.name = ''; d.open = true; })")
        assert await page.evaluate(CHECK) == [], path
        assert await page.evaluate(CONTRAST) == [], path


async def test_nothing_is_wider_than_a_narrow_screen(visit, asked):
    for path in ("/queue", f"/cases/{asked.case_id}"):
        page = await visit("ann", path, width=400)
        assert await page.evaluate("document.documentElement.scrollWidth") <= 400, path


async def test_a_decision_can_be_made_by_keyboard_alone(visit, asked):
    page = await visit("ann", f"/cases/{asked.case_id}")
    await page.locator("#comment-approve").focus()
    await page.keyboard.type("read")
    await page.keyboard.press("Tab")
    assert await page.evaluate("document.activeElement.textContent") == "Approve"
    await page.keyboard.press("Enter")
    await page.locator("[data-decided]").wait_for()


async def test_the_browser_finds_nothing_to_refuse(visit, asked, address):
    complaints, foreign = [], []
    page = await visit("ann", "/queue")
    page.on("console", lambda line: complaints.append(line.text) if line.type == "error" else None)
    page.on("pageerror", lambda error: complaints.append(str(error)))
    page.on("request", lambda request: None if request.url.startswith(address) else foreign.append(request.url))
    await page.goto(f"{address}/cases/{asked.case_id}")
    await page.wait_for_timeout(500)
    assert (complaints, foreign) == ([], [])
