// What Streamlit's page lacks in the browser. Runs again when the language changes; only the texts are replaced then.
(() => {
  const settings = SETTINGS;
  if (window.bedrockEndpoints) {
    window.bedrockEndpoints.use(settings);
    return;
  }

  const APP = "[data-testid=stApp]";
  const ATTRIBUTES = ["aria-label", "title", "placeholder", "alt"];
  // Texts of the pages, which are already in the user's language, and those of users and models, which may be the same
  // as Streamlit's: a document may be called "Open". Keys of Streamlit's own options begin with `__`.
  const OURS = [
    ".stHtml, code, script, style, textarea, [data-testid=stIconMaterial]",
    "[data-testid=stElementContainer] :is(img, [data-testid=stMarkdownContainer]:not([data-testid=stFileUploaderDropzone] *))",
    "[role=option][data-key]:not([data-key^=__])",
    "[data-tag] > span, [data-testid=stFileChipName]",
  ].join();
  // Named like what they contain, which also has Streamlit's own buttons; and what this script has named.
  const NAMED = "[data-tag], [data-testid=stFileChip], [data-named]";
  const PHONE = matchMedia("(max-width: 768px)");
  const CHAT = "[data-testid=stChatInputTextArea]";
  const CONTROLS = "button:not(.copy), a, label, [role=button], [role=option], input[type=file]";
  const SENDS_ON_ENTER = `input, ${CHAT}`;
  const DRAFT = "draft ";
  const USER = "drafts of";
  const BUSY_MILLISECONDS = 1000;
  const COPIED_MILLISECONDS = 2000;
  const storage = tabStorage();
  let texts = {};
  let exact = new Map();
  let patterns = [];
  let written = new WeakMap();

  // Where cookies are blocked, so is the tab's storage: texts are then kept until the page is loaded again.
  function tabStorage() {
    try {
      return sessionStorage;
    } catch {
      return new class {
        getItem(key) { return Object.hasOwn(this, key) ? this[key] : null; }
        setItem(key, value) { this[key] = value; }
        removeItem(key) { delete this[key]; }
      }();
    }
  }

  function use(next) {
    texts = next.texts;
    forgetOthers(next.user);
    comeBack(next.signedIn);
    rememberLanguage(next.language);
    exact = new Map(next.streamlit);
    patterns = next.streamlit.filter(([shown]) => shown.includes("{}")).map(([shown, text]) => [pattern(shown), text]);
    written = new WeakMap();
    banner.textContent = texts.offline;
    translate(document.body);
    connection();
  }

  // --- The chosen language, for the next visit. A cookie: the server draws the first page in it.
  const YEAR_SECONDS = 31536000;
  let language = "";

  function rememberLanguage(next) {
    // The first language is an address's, the browser's, or the remembered one; only the user chooses another.
    if (language && language !== next) {
      const secure = location.protocol === "https:" ? "; Secure" : "";
      document.cookie = `${settings.languageCookie}=${next}; Path=/; Max-Age=${YEAR_SECONDS}; SameSite=Lax${secure}`;
    }
    language = next;
    document.documentElement.lang = next;
  }

  // --- Signing in leads to the home page: back to the page where it began.
  const RETURN = "sign-in from";
  document.addEventListener("click", (event) => {
    if (!event.target.closest("[class*=st-key-sign-in] button")) return;
    // A first attempt that failed ended on the home page.
    if (location.pathname !== "/" || !storage.getItem(RETURN)) storage.setItem(RETURN, location.href);
  }, true);

  function comeBack(signedIn) {
    const place = signedIn && storage.getItem(RETURN);
    if (!place) return;
    storage.removeItem(RETURN);
    if (place !== location.href) location.replace(place);
  }

  // --- Streamlit's own texts
  function pattern(text) {
    const parts = text.split("{}").map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, "\\$&"));
    return new RegExp(`^${parts.join("(.+)")}$`);
  }

  function translated(text) {
    // The space around it separates it from its neighbors.
    const key = text.trim();
    if (exact.has(key)) return text.replace(key, () => exact.get(key));
    for (const [pattern, replacement] of patterns) {
      const match = pattern.exec(key);
      if (match) return match.slice(1).reduce((result, part) => result.replace("{}", () => part), replacement);
    }
    return text;
  }

  // A replacement contains names. Replaced again, a name in it may look like Streamlit's.
  function replacement(node, name, text) {
    const own = written.get(node);
    if (own?.[name] === text) return text;
    const replaced = translated(text);
    if (replaced !== text) written.set(node, { ...own, [name]: replaced });
    return replaced;
  }

  function translate(root) {
    if (root.nodeType === Node.TEXT_NODE) return translateNode(root);
    if (root.nodeType !== Node.ELEMENT_NODE || root.closest(OURS)) return;
    const walker = document.createTreeWalker(root, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) translateNode(walker.currentNode);
    for (const name of ATTRIBUTES) {
      for (const element of [root, ...root.querySelectorAll(`[${name}]`)]) translateAttribute(element, name);
    }
  }

  function translateNode(node) {
    if (!node.parentElement || node.parentElement.closest(OURS)) return;
    const text = replacement(node, "text", node.nodeValue);
    if (text !== node.nodeValue) node.nodeValue = text;
  }

  function translateAttribute(element, name) {
    const value = element.getAttribute(name);
    if (!value || element.closest(OURS) || element.matches(NAMED)) return;
    const text = replacement(element, name, value);
    if (text !== value) element.setAttribute(name, text);
  }

  // --- What screen readers hear
  const live = document.createElement("div");
  live.id = "announcements";
  live.setAttribute("role", "status");
  document.body.append(live);

  function announce(text) {
    live.textContent = "";
    setTimeout(() => { live.textContent = text; }, 50);
  }

  // Charts have a text alternative and a table; Vega's names of their parts are in English.
  function hideParts() {
    for (const chart of document.querySelectorAll("[data-testid=stVegaLiteChart] svg:not([aria-hidden])")) {
      chart.setAttribute("aria-hidden", "true");
    }
  }

  // --- The same button in each item of a list: its name says which item it belongs to.
  function nameButtons() {
    const names = new Map();
    for (const { dataset, parentElement } of document.querySelectorAll(".buttons-for")) {
      // While a page is drawn, a group may still have its former name, too: the last one counts.
      names.set(parentElement.closest("[data-testid=stHorizontalBlock], [data-testid=stVerticalBlock]"), dataset.name);
    }
    for (const [group, itemName] of names) {
      for (const button of group?.querySelectorAll("button") ?? []) {
        const label = (button.querySelector("[data-testid=stMarkdownContainer]") ?? button).textContent.trim();
        const name = `${label}: ${itemName}`;
        if (button.getAttribute("aria-label") === name) continue;
        button.dataset.named = "";
        button.setAttribute("aria-label", name);
      }
    }
  }

  // --- The keyboard's place: an action may remove what has the focus, such as a button that is replaced by a form.
  const MAIN = "[data-testid=stMainBlockContainer]";
  const FOCUSABLE = "a[href], button, input, textarea, select, [tabindex='0']";
  let focused = null;
  let before = [];

  const focusable = () => [...(document.querySelector(MAIN)?.querySelectorAll(FOCUSABLE) ?? [])];

  // Who clicks next to everything does not want the focus back.
  document.addEventListener("pointerdown", () => { focused = null; }, true);

  document.addEventListener("focusin", ({ target }) => {
    // A dialog gives the focus back to what has opened it, which may be gone by then.
    if (!target.closest(MAIN)) return;
    // The chat gives it back to its input.
    focused = target.matches(CHAT) ? null : target;
    const elements = focusable();
    before = elements.slice(0, elements.indexOf(target));
  });

  function keepFocus() {
    if (![null, document.body].includes(document.activeElement) || !focused) return;
    const usable = (element) => element.checkVisibility() && !element.disabled;
    let next = focused;
    if (!focused.isConnected) {
      // What is in its place now, such as a form's first field, or the next item of a list.
      const elements = focusable();
      const place = elements.indexOf(before.findLast((element) => element.isConnected)) + 1;
      next = elements.slice(place).find(usable) ?? elements.slice(0, place).findLast(usable);
    } else if (!usable(focused)) {
      // A button that is disabled while its request runs.
      return;
    }
    focused = null;
    // On a phone, the keyboard would hide the page.
    if (next && (matchMedia("(pointer: fine)").matches || !next.matches("input, textarea"))) next.focus({ preventScroll: true });
  }

  // --- The connection: what is clicked without one would otherwise run when it is back.
  const banner = document.createElement("div");
  banner.id = "offline";
  banner.setAttribute("role", "alert");
  banner.hidden = true;
  document.body.append(banner);
  let wasConnected = false;

  function connection() {
    const state = document.querySelector(APP)?.dataset.testConnectionState;
    wasConnected ||= state === "CONNECTED";
    const connected = navigator.onLine && (state === "CONNECTED" || !wasConnected);
    dismissDialog();
    if (banner.hidden === connected) return;
    document.documentElement.toggleAttribute("data-offline", !connected);
    banner.hidden = connected;
  }

  // Streamlit's own, for developers.
  function dismissDialog() {
    for (const heading of document.querySelectorAll("[role=dialog] h2")) {
      if (heading.textContent === "Connection error") heading.closest("[role=dialog]").querySelector("button")?.click();
    }
  }

  function refuse(event) {
    if (!event.isTrusted || !document.documentElement.hasAttribute("data-offline")) return;
    const { target, type } = event;
    const presses = type !== "keydown" || event.key === "Enter" || event.key === " ";
    const sends = type === "keydown" && event.key === "Enter" && (event.ctrlKey || event.metaKey || target.matches(SENDS_ON_ENTER));
    // Text can still be typed, selected and copied.
    if (sends || (presses && target.closest?.(CONTROLS))) {
      event.preventDefault();
      event.stopImmediatePropagation();
    }
  }

  for (const type of ["click", "mousedown", "keydown", "drop"]) window.addEventListener(type, refuse, true);
  window.addEventListener("online", connection);
  window.addEventListener("offline", connection);

  // --- Buttons that copy the code next to them, or what they name
  document.addEventListener("click", async (event) => {
    const button = event.target.closest("button.copy");
    if (!button) return;
    const label = button.textContent;
    const source = button.dataset.text ?? button.closest(".code")?.querySelector("code")?.textContent ?? "";
    let outcome = texts.copied;
    try {
      await navigator.clipboard.writeText(source);
    } catch {
      outcome = texts.copy_failed;
    }
    button.textContent = outcome;
    announce(outcome);
    setTimeout(() => { button.textContent = label; }, COPIED_MILLISECONDS);
  });

  // --- The menu covers a phone's page.
  document.addEventListener("click", (event) => {
    if (PHONE.matches && event.target.closest("[data-testid=stSidebarNavLink]")) {
      document.querySelector("[data-testid=stSidebarCollapseButton] button")?.click();
    }
  });

  // --- Charts are drawn in the theme's colors by the server: drawn again when the system changes between day and night.
  matchMedia("(prefers-color-scheme: dark)").addEventListener("change", () => {
    // Streamlit's shortcut for running the page again. Later: it has to tell the server the new theme first.
    setTimeout(() => document.dispatchEvent(new KeyboardEvent("keydown", { key: "r", code: "KeyR", keyCode: 82, bubbles: true })), 300);
  });

  // --- A form's texts and numbers reach the server when they are sent: a reload, or another page, would lose them.
  const DRAFTS = "textarea, [data-testid=stForm] :is([data-testid=stTextInput], [data-testid=stNumberInput]) input";

  function draftKey(element) {
    const keyed = element.closest("[class*=st-key-]");
    const name = [...(keyed?.classList ?? [])].find((item) => item.startsWith("st-key-"));
    return name && `${DRAFT}${location.pathname} ${name}`;
  }

  // Another person may sign in to the same browser tab.
  function forgetOthers(user) {
    if (storage.getItem(USER) === user) return;
    for (const key of Object.keys(storage)) if (key.startsWith(DRAFT)) storage.removeItem(key);
    storage.setItem(USER, user);
  }

  function saveDraft(element) {
    const key = element?.matches(DRAFTS) && draftKey(element);
    if (key) storage.setItem(key, element.value);
  }

  document.addEventListener("input", ({ target }) => saveDraft(target));
  // Streamlit's own steps of a number are no input.
  for (const type of ["click", "keyup"]) {
    document.addEventListener(type, ({ target }) => {
      const number = target.closest?.("[data-testid=stNumberInput]");
      if (number && target.closest("button, input")) setTimeout(() => saveDraft(number.querySelector("input")));
    });
  }

  // --- A browser takes decimals as its own language writes them, and drops a comma that it does not expect: 12,5 would
  // become 125 for those who chose another language here.
  const hasPoint = (locale) => (1.5).toLocaleString(locale).includes(".");
  document.addEventListener("beforeinput", (event) => {
    if (event.data !== "," || !event.target.matches("input[type=number]")) return;
    if (hasPoint(language) || !hasPoint(navigator.language)) return;
    event.preventDefault();
    document.execCommand("insertText", false, ".");
  });

  // --- What has to be corrected is next to its field, which may be far from the button.
  let sentForm = null;
  let awaitsSpinner = false;
  let sentAt = 0;
  const EARLIER_RUN_MILLISECONDS = 1500;
  const SHORT_RUN_MILLISECONDS = 700;
  const OPENING_MILLISECONDS = 3000;
  let shownAt = 0;
  document.addEventListener("pointerdown", () => { sentForm = null; shownAt = 0; }, true);
  // What the user closed just before sending is open until it has closed.
  document.addEventListener("toggle", () => { if (Date.now() - shownAt < OPENING_MILLISECONDS) openClosed(); }, true);

  // What a form asks for appears below it, on a phone out of sight.
  function showSpinner() {
    const spinner = awaitsSpinner && document.querySelector("[data-testid=stMain] [data-testid=stSpinner]");
    if (!spinner) return;
    awaitsSpinner = false;
    showBelow(spinner);
  }

  function showBelow(element) {
    if (element.getBoundingClientRect().top > innerHeight - 80) element.scrollIntoView({ block: "center" });
  }

  function showOutcome() {
    const form = sentForm;
    if (!form) return;
    // A run that began before may end first.
    if (Date.now() - sentAt > EARLIER_RUN_MILLISECONDS) sentForm = null;
    const result = form.closest("[data-testid=stLayoutWrapper]")?.nextElementSibling;
    if (!showProblem() && result) showBelow(result);
  }

  function showProblem() {
    const problem = document.querySelector(".field-problem");
    if (!problem) return false;
    shownAt = Date.now();
    openClosed();
    problem.scrollIntoView({ block: "nearest" });
    return true;
  }

  function openClosed() {
    const closed = document.querySelector(".field-problem")?.closest("details:not([open])");
    if (!closed) return;
    closed.querySelector("summary").click();
    // It opens by and by.
    const resized = new ResizeObserver(() => closed.querySelector(".field-problem")?.scrollIntoView({ block: "nearest" }));
    resized.observe(closed);
    setTimeout(() => resized.disconnect(), OPENING_MILLISECONDS);
  }

  // What was sent is the server's: it may clear the text while another page is shown.
  function forgetDrafts(event) {
    const form = event.target.closest("[data-testid=stForm]");
    const sends = event.type === "click"
      ? event.target.closest("[data-testid=stFormSubmitButton] button")
      : event.key === "Enter" && (event.ctrlKey || event.metaKey);
    if (!form || !sends) return;
    sentForm = form;
    sentAt = Date.now();
    awaitsSpinner = true;
    // A short run may begin and end in one piece, and change nothing.
    setTimeout(() => { if (sentForm === form && !isRunning()) showProblem(); }, SHORT_RUN_MILLISECONDS);
    for (const element of form.querySelectorAll(DRAFTS)) storage.removeItem(draftKey(element));
  }

  for (const type of ["click", "keydown"]) document.addEventListener(type, forgetDrafts);

  function keepDrafts() {
    for (const element of document.querySelectorAll(DRAFTS)) {
      const key = draftKey(element);
      const draft = key && storage.getItem(key);
      const isNew = !("draft" in element.dataset);
      element.dataset.draft = "";
      if (draft === null || draft === undefined || sameValue(draft, element)) continue;
      if (isNew && draft && !element.disabled) restore(element, draft);
      // The page replaced the text, for example by an example.
      else if (!isNew) storage.removeItem(key);
    }
  }

  // Streamlit writes 5 as 5.00.
  function sameValue(draft, element) {
    return draft === element.value || (element.type === "number" && draft !== "" && Number(draft) === element.valueAsNumber);
  }

  function restore(element, draft) {
    // React notices only the native setter.
    Object.getOwnPropertyDescriptor(Object.getPrototypeOf(element), "value").set.call(element, draft);
    element.dispatchEvent(new Event("input", { bubbles: true }));
    if (element.matches(CHAT)) return;
    // Streamlit takes the text when its field loses the focus.
    const { activeElement } = document;
    const place = focused;
    element.focus({ preventScroll: true });
    element.blur();
    activeElement?.focus?.({ preventScroll: true });
    focused = place;
  }

  // --- Everything that depends on what Streamlit draws
  const isRunning = () => document.querySelector(APP)?.dataset.testScriptState === "running";
  let busySince = 0;
  function scriptState() {
    const running = isRunning();
    if (running && !busySince) busySince = Date.now();
    if (running) return showSpinner();
    keepFocus();
    if (!busySince) return;
    awaitsSpinner = false;
    showOutcome();
    if (Date.now() - busySince > BUSY_MILLISECONDS) announce(texts.ready);
    busySince = 0;
  }

  window.bedrockEndpoints = { use };
  use(settings);
  new MutationObserver((changes) => {
    for (const change of changes) {
      if (change.type === "childList") change.addedNodes.forEach(translate);
      else if (change.type === "characterData") translateNode(change.target);
      else if (ATTRIBUTES.includes(change.attributeName)) translateAttribute(change.target, change.attributeName);
    }
    connection();
    scriptState();
    keepDrafts();
    nameButtons();
    hideParts();
  }).observe(document.body, {
    attributeFilter: [...ATTRIBUTES, "data-test-script-state", "data-test-connection-state"],
    attributes: true, characterData: true, childList: true, subtree: true,
  });
})();
