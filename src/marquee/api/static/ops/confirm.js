// Asking once before something is changed, and saying exactly what will happen.

import { button, make, show } from "./elements.js";
import { Problem } from "./service.js";

/** Have everything that is shown read again. */
export function tellChanged() {
  document.dispatchEvent(new Event("changed"));
}

/** Say something to everybody: on the screen for a while, and to screen readers. */
export function announce(text, { isQuiet = false } = {}) {
  document.getElementById("announcement").textContent = text;
  if (isQuiet) return;
  const toast = document.getElementById("toast");
  toast.textContent = text;
  toast.hidden = false;
  clearTimeout(announce.timer);
  announce.timer = setTimeout(() => (toast.hidden = true), 8000);
}

/**
 * Ask before doing something. `lines` say what will happen; `reason` is "none", "optional" or "required"; `run(reason)`
 * does it and returns what is to be said of it. What the service refuses is said here, and can be tried again.
 */
export function confirm({ title, lines, action, reason = "optional", run }) {
  const refusal = make("div", { role: "alert" });
  const field = make("input", {
    id: "reason",
    type: "text",
    maxlength: 500,
    autocomplete: "off",
    required: reason === "required",
  });
  const doIt = make("button", { type: "submit", class: "primary" }, action);
  const leave = button("Leave it as it is", () => dialog.close());
  const dialog = make(
    "dialog",
    { "aria-labelledby": "dialog-title" },
    make(
      "form",
      { method: "dialog" },
      make("h2", { id: "dialog-title" }, title),
      make(
        "ul",
        { class: "effects" },
        lines.filter(Boolean).map((each) => make("li", {}, each)),
      ),
      reason !== "none" &&
        make(
          "div",
          { class: "control" },
          make(
            "label",
            { for: "reason" },
            reason === "required" ? "Reason (needed; goes into the audit log)" : "Reason (goes into the audit log)",
          ),
          field,
        ),
      refusal,
      make(
        "div",
        { class: "actions" },
        leave,
        doIt,
      ),
    ),
  );

  dialog.querySelector("form").onsubmit = async (event) => {
    event.preventDefault();
    if (reason === "required" && !field.value.trim())
      return show(refusal, make("p", { class: "notice bad" }, "Say why: without a reason it is refused."));
    doIt.disabled = leave.disabled = true; // it is on its way: nobody can leave it as it is any more
    dialog.setAttribute("aria-busy", true);
    try {
      const said = await run(field.value.trim());
      dialog.close();
      if (said) announce(said);
    } catch (error) {
      if (!(error instanceof Problem)) {
        dialog.close();
        if (error.name !== "AbortError") throw error;
        return;
      }
      show(refusal, make("p", { class: "notice bad" }, make("strong", {}, error.title), ": ", error.message));
      if (!dialog.open) announce(`${error.title}: ${error.message}`);
    } finally {
      doIt.disabled = leave.disabled = false;
      dialog.removeAttribute("aria-busy");
      tellChanged(); // also where it failed: things may not be as they were shown
    }
  };
  // The browser closes it at a second Escape whatever `cancel` says; and a button that was disabled has lost the focus.
  const keepOpen = (event) => {
    if (event.key === "Escape" && doIt.disabled) event.preventDefault();
  };
  addEventListener("keydown", keepOpen, true);
  dialog.onclose = () => {
    removeEventListener("keydown", keepOpen, true);
    dialog.remove();
  };
  document.body.append(dialog);
  dialog.showModal();
  if (reason === "none") dialog.querySelector("button").focus();
  else field.focus();
}

/** Close what is open, at a sign-out. */
export function closeDialogs() {
  for (const dialog of document.querySelectorAll("dialog")) dialog.close();
}
