// The game in a browser. It gets texts and shows them as text; it never learns who wrote what.

const KEYS = ["1", "2", "?"];
const root = document.getElementById("game");
let shown = null; // the state on the screen
let busy = false;

// An element with text or children; text is never read as HTML.
function make(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

async function ask(path, body) {
  const how = body ? { method: "POST", body: JSON.stringify(body) } : {};
  const reply = await fetch(path, how);
  const state = await reply.json();
  if (!reply.ok) throw new Error(state.error);
  return state;
}

// A block of somebody's text, in its own direction, that scrolls by itself.
function text(said, name) {
  const empty = said === "" ? " empty" : "";
  const block = make("div", { class: `text${empty}`, dir: "auto", tabindex: "0", role: "region", "aria-label": name });
  block.textContent = said === "" ? "(no answer)" : said;
  return block;
}

function answer(title, said, key) {
  const head = key ? make("button", { "data-key": key }, make("kbd", {}, key), ` ${title}`) : make("h3", {}, title);
  return make("section", { class: "answer" }, head, text(said, key ? `Answer ${key}` : title));
}

function card(state) {
  const unsure = make("button", { "data-key": "?", class: "unsure" }, make("kbd", {}, "?"), " I cannot tell");
  return [
    make("header", {},
      make("h1", {}, "Which one did the teacher write?"),
      make("p", { "aria-live": "polite" }, `${state.card} of ${state.of}`),
      make("progress", { max: state.of, value: state.card - 1, "aria-label": "done" })),
    make("section", { class: "prompt" }, make("h2", {}, "Prompt"), text(state.prompt, "Prompt")),
    make("div", { class: "answers" },
      answer("this one", state.left, "1"), answer("this one", state.right, "2")),
    make("p", { class: "hint" }, unsure, make("span", {}, "Keys: 1, 2 or ?. A few pairs only check that somebody reads; they do not count.")),
  ];
}

function examples(state) {
  const one = (example) => make("section", { class: "example" },
    make("h2", {}, "Prompt"), text(example.prompt, "Prompt"),
    make("div", { class: "answers" }, answer("Teacher", example.teacher), answer("Student", example.student)));
  return [
    make("header", {}, make("h1", {}, "How the two write"), make("p", {}, "Other prompts than those of the game.")),
    ...state.examples.map(one),
    make("p", {}, make("button", { "data-go": "1" }, "Begin")),
  ];
}

function end(state) {
  const row = (cells, tag) => make("tr", {}, ...cells.map((cell) => make(tag, {}, cell)));
  const [titles, ...rows] = state.table;
  const table = make("table", {}, make("thead", {}, row(titles, "th")), make("tbody", {}, ...rows.map((r) => row(r, "td"))));
  return [
    make("h1", {}, "Could you tell?"),
    ...state.lines.map((line) => make("p", line.includes("Warning: ") ? { class: "warning" } : {}, line)),
    make("div", { class: "wide" }, table),
    make("p", { class: "soft" }, "The intervals of the table hold all together, so each is wider than alone."),
  ];
}

function show(state) {
  shown = state;
  const parts = state.done ? end(state) : state.examples ? examples(state) : card(state);
  root.replaceChildren(make("div", { id: "trouble", role: "alert" }), ...parts);
  root.dataset.state = state.done ? "done" : state.examples ? "examples" : String(state.card);
  window.scrollTo(0, 0);
}

async function press(key) {
  if (busy || !shown || shown.done || shown.examples || !KEYS.includes(key)) return;
  busy = true;
  root.dataset.busy = "1";
  await step(() => ask("verdict", { card: shown.card, key }));
  busy = false;
  delete root.dataset.busy;
}

async function step(next) {
  try {
    show(await next());
  } catch (error) {
    const gone = error instanceof TypeError; // the server does not answer
    const what = gone ? "The game has stopped. Start it again with the same command: no verdict is lost." : error.message;
    (document.getElementById("trouble") ?? root).textContent = what;
  }
}

document.addEventListener("keydown", (event) => {
  if (event.repeat || event.ctrlKey || event.metaKey || event.altKey) return;
  if (KEYS.includes(event.key)) event.preventDefault();
  press(event.key);
});
document.addEventListener("click", (event) => {
  const button = event.target.closest("button");
  if (button?.dataset.go) step(() => ask("state"));
  else if (button) press(button.dataset.key);
});

await step(() => ask("begin"));
