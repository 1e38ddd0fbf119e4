"""Where the components are on the page; `page.py` says what they do."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import gradio as gr

from grader.schema import LANGS
from grader.ui.texts import LANG_NAMES

# The value is encrypted with this before it goes to the browser's own storage. It guards nothing: it is sent to the
# browser as well. It must stay the same over restarts, or what the browser kept could not be read any more.
_STORAGE_SECRET = "grader"  # noqa: S105 -- see above

_CHOOSE = """
element.addEventListener('click', (event) => {
  const button = event.target.closest('[data-question]');
  if (button) trigger('choose', {question: button.dataset.question});
});
"""


@dataclass(frozen=True)
class Kept:
    """What the browser keeps between visits: who, where, and what is typed but not sent."""

    learner: gr.BrowserState
    place: gr.BrowserState
    drafts: gr.BrowserState

    def inputs(self) -> list[gr.BrowserState]:
        """List the values that every handler is given first."""
        return [self.learner, self.place, self.drafts]


@dataclass(frozen=True)
class Desk:
    """The question, the inputs of which one shows at a time, the outcome and the buttons below."""

    question: gr.HTML
    answer_box: gr.Column
    text: gr.Textbox
    single: gr.Radio
    multiple: gr.CheckboxGroup
    submit: gr.Button
    counter: gr.HTML
    notice: gr.HTML
    outcome: gr.HTML
    previous: gr.Button
    retry: gr.Button
    next: gr.Button


@dataclass(frozen=True)
class Parts:
    """The page's components that a handler reads or changes; ``settled`` gets a new value when answers were graded."""

    kept: Kept
    settled: gr.State
    masthead: gr.HTML
    lang: gr.Radio
    faults: gr.HTML
    practice_tab: gr.Tab
    results_tab: gr.Tab
    quiz: gr.Dropdown
    nav: gr.HTML
    desk: Desk
    results: gr.HTML
    footer: gr.HTML

    def outputs(self) -> list[Any]:
        """List what handlers may change: everything but the drafts, which the browser writes by itself."""
        frame = [part for part in vars(self).values() if not isinstance(part, Kept | Desk | gr.State)]
        return [self.kept.learner, self.kept.place, *frame, *vars(self.desk).values()]


def lay_out() -> Parts:
    """Place every component; the first event fills in texts and the question."""
    kept = Kept(learner=_kept("learner", ""), place=_kept("place", {}), drafts=_kept("drafts", {}))
    with gr.Row(elem_id="masthead"):
        masthead = _html("brand")
        langs = [(name, code) for code, name in LANG_NAMES.items()]
        lang = gr.Radio(langs, value=LANGS[0], label="Language", elem_id="language", container=False)
    faults = _html("faults")
    with gr.Tabs(elem_id="tabs"):
        with gr.Tab("Practice", id="practice") as practice_tab, gr.Row(elem_id="desk"):
            with gr.Column(elem_id="side", min_width=0):
                quiz = gr.Dropdown([], label="Quiz", filterable=False, elem_id="quiz")
                nav = gr.HTML(elem_id="nav", apply_default_css=False, js_on_load=_CHOOSE)
            with gr.Column(elem_id="main", min_width=0):
                desk = _lay_out_desk()
        with gr.Tab("Results", id="results") as results_tab:
            results = _html("results")
    return Parts(
        kept=kept,
        settled=gr.State(),
        masthead=masthead,
        lang=lang,
        faults=faults,
        practice_tab=practice_tab,
        results_tab=results_tab,
        quiz=quiz,
        nav=nav,
        desk=desk,
        results=results,
        footer=_html("footer"),
    )


def _lay_out_desk() -> Desk:
    question = _html("question")
    with gr.Column(elem_id="answer", visible=False) as answer_box:
        text = gr.Textbox(label="Your answer", lines=5, max_lines=16, elem_id="answer-text", visible=False)
        single = gr.Radio([], label="Choose one", elem_id="answer-single", visible=False)
        multiple = gr.CheckboxGroup([], label="Choose all that apply", elem_id="answer-multiple", visible=False)
        with gr.Row(elem_id="send"):
            submit = gr.Button("Check my answer", variant="primary", elem_id="submit")
            counter = _html("counter")
    notice = _html("notice")
    outcome = _html("result")
    with gr.Row(elem_id="steps"):
        previous = gr.Button("Previous", elem_id="previous", visible=False)
        retry = gr.Button("Try again", elem_id="retry", visible=False)
        following = gr.Button("Next", elem_id="next", visible=False)
    return Desk(
        question=question,
        answer_box=answer_box,
        text=text,
        single=single,
        multiple=multiple,
        submit=submit,
        counter=counter,
        notice=notice,
        outcome=outcome,
        previous=previous,
        retry=retry,
        next=following,
    )


def _html(elem_id: str) -> gr.HTML:
    return gr.HTML(elem_id=elem_id, apply_default_css=False, js_on_load=None)


def _kept(name: str, default: object) -> gr.BrowserState:
    return gr.BrowserState(default, storage_key=f"grader.{name}", secret=_STORAGE_SECRET)
