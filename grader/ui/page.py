"""The Gradio page: which handler answers which event.

Handlers keep no state of their own. The browser keeps a random learner token, the place and unsent drafts; attempts are
in the database. So a reload, another tab or a restarted server continues where the learner was.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any, cast

import gradio as gr

from grader.ui.api import add_endpoints
from grader.ui.handlers import Handlers, Update
from grader.ui.layout import Parts, lay_out
from grader.ui.study import ANSWER_LIMIT, Study

# Whoever waits for a grade stands in the line of grader.ui.batching, which refuses in the caller's language; browsing
# goes on beside it. Should events arrive faster than they can even be refused, Gradio turns them away.
BROWSING_LIMIT = 4
QUEUE_SIZE = 512

_TITLE = "Grader"
_QUIET: dict[str, Any] = {"preprocess": False, "show_progress": "hidden", "api_visibility": "private"}

# A draft is kept only while its own input has the focus: an update from the server must not write under the key of
# another question.
_KEEP_TEXT = f"""
(text, place, drafts) => {{
  const count = [...(text ?? '')].length;
  const over = count > {ANSWER_LIMIT} ? ' is-over' : '';
  const counter = `<span class="counter${{over}}">${{count}} / {ANSWER_LIMIT}</span>`;
  const typing = document.activeElement?.closest('#answer-text');
  if (!typing || count > {2 * ANSWER_LIMIT}) return [counter, drafts];
  return [counter, {{...drafts, [`${{place.quiz}}/${{place.question}}`]: text}}];
}}
"""
_KEEP_PICKED = """
(picked, place, drafts) => {
  if (!document.activeElement?.closest('#answer')) return drafts;
  return {...drafts, [`${place.quiz}/${place.question}`]: picked};
}
"""
# After an update: tell the browser the language, give groups of choices a name that a screen reader reads (their label
# is no legend), bring the question into view in its list, and move the focus to what has changed.
_TIDY = """
(lang) => setTimeout(() => {{
  document.documentElement.lang = lang;
  document.querySelectorAll('fieldset').forEach((group) => {{
    group.setAttribute('aria-label', group.querySelector('[data-testid="block-info"]')?.textContent.trim() ?? '');
  }});
  const here = document.querySelector('.nav-item[aria-current]');
  const list = here?.closest('ol');
  if (list && list.scrollHeight > list.clientHeight) list.scrollTop = here.offsetTop - list.clientHeight / 2;
  document.getElementById('{focus}')?.focus();
}}, 60)
"""


def build_page(study: Study) -> gr.Blocks:
    """Build the page over a study; launching it is the caller's."""
    with gr.Blocks(title=_TITLE, analytics_enabled=False) as page:
        parts = lay_out()
        handlers = Handlers(parts, study)
        _wire_browsing(page, parts, handlers)
        _wire_answering(parts, handlers)
        add_endpoints(study.library)
        page.queue(max_size=QUEUE_SIZE, default_concurrency_limit=BROWSING_LIMIT)
    return cast("gr.Blocks", page)


def _wire_browsing(page: gr.Blocks, parts: Parts, handlers: Handlers) -> None:
    kept, everything = parts.kept.inputs(), parts.outputs()
    opened = page.load(handlers.open, kept, everything, **_QUIET)
    _tidy(opened, parts)
    _settle_after(opened, parts, handlers)
    latest: dict[str, Any] = {**_QUIET, "trigger_mode": "always_last"}
    _tidy(parts.lang.input(handlers.switch_lang, [*kept, parts.lang], everything, **latest), parts)
    _tidy(parts.quiz.input(handlers.switch_quiz, [*kept, parts.quiz], everything, **latest), parts)
    moves: list[tuple[Callable[..., Any], Callable[..., Update]]] = [
        (parts.nav.choose, handlers.choose),
        (parts.desk.previous.click, handlers.step_back),
        (parts.desk.next.click, handlers.step_on),
        (parts.desk.retry.click, handlers.retry),
    ]
    for event, handler in moves:
        _tidy(event(handler, kept, everything, **latest), parts, focus="question-title")
    parts.results_tab.select(handlers.show_results, kept[:2], [parts.results, parts.desk.notice], **_QUIET)


def _wire_answering(parts: Parts, handlers: Handlers) -> None:
    kept, desk = parts.kept, parts.desk
    triggers = [desk.submit.click, desk.text.submit]
    inputs = [*kept.inputs(), desk.text, desk.single, desk.multiple]
    sent = gr.on(triggers, handlers.submit, inputs, parts.outputs(), **_QUIET)
    _settle_after(sent, parts, handlers)
    _tidy(parts.settled.change(handlers.refresh, kept.inputs(), parts.outputs(), **_QUIET), parts, focus="outcome")
    keeping = [kept.place, kept.drafts]
    desk.text.change(fn=None, js=_KEEP_TEXT, inputs=[desk.text, *keeping], outputs=[desk.counter, kept.drafts])
    desk.single.change(fn=None, js=_KEEP_PICKED, inputs=[desk.single, *keeping], outputs=[kept.drafts])
    desk.multiple.change(fn=None, js=_KEEP_PICKED, inputs=[desk.multiple, *keeping], outputs=[kept.drafts])


def _settle_after(event: Any, parts: Parts, handlers: Handlers) -> None:  # noqa: ANN401 -- Gradio's are untyped
    outputs = [parts.settled, parts.desk.notice]
    event.success(handlers.settle, parts.kept.inputs()[:2], outputs, **_QUIET, concurrency_limit=None)


def _tidy(event: Any, parts: Parts, *, focus: str = "") -> None:  # noqa: ANN401 -- Gradio's are untyped
    event.then(fn=None, js=_TIDY.format(focus=focus), inputs=[parts.lang], **_QUIET)
