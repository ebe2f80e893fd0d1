// Messages to the user, and requests to the server.

import { $, gradio, root } from './host.mjs';

// Show a message below the picture, which screen readers announce.
export function announce(text) {
  $('.lc-message').textContent = text;
}

// Show an error in the page's status box, which reads it from `trouble`: so it also appears when the server is gone.
export function showError(text) {
  const box = document.createElement('div'), line = document.createElement('p');
  box.className = 'tl-status tl-bad';
  box.setAttribute('role', 'alert');
  line.textContent = text;
  box.append(line);
  root.trouble = box.outerHTML;
  announce('');
  gradio.trigger('trouble');
}

// Call a function of `ui.services.canvas_requests`. Return its answer, or null after an error was shown.
export async function request(name, payload) {
  let answer;
  try {
    answer = await gradio.server[name](payload);
  } catch {
    answer = { error: 'The server could not be reached. Nothing was changed; try again.' };
  }
  if (answer && !answer.error) return answer;
  showError(answer?.error ?? 'The server sent no answer. Nothing was changed; try again.');
  return null;
}

// Return a message, followed by the note in the server's answer, if any.
export const withNote = (text, { note }) => (note ? `${text}. ${note}` : text);

export const count = (n, noun) => `${n} ${noun}${n === 1 ? '' : 's'}`;
