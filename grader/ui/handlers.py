"""What happens on each event of the page: raw values from the browser in, updates of components out.

Every value from the browser is checked here or where it is read; an event can be sent without the page.
"""

from __future__ import annotations

import secrets
import traceback
from dataclasses import replace
from typing import Any

import gradio as gr

from grader.errors import GraderError
from grader.schema import Lang
from grader.store import StoreError
from grader.ui.batching import BusyError
from grader.ui.layout import Desk, Parts
from grader.ui.library import localise
from grader.ui.markup import NOTHING
from grader.ui.place import Place, accepted_lang, read_lang, read_place
from grader.ui.results import results
from grader.ui.screen import Screen, build_screen
from grader.ui.study import Refusal, Settled, Study, new_token, read_answer, read_token
from grader.ui.texts import say
from grader.ui.view import faults, footer, masthead, notice

Update = dict[Any, Any]
"""New values by component; a component that is absent stays as it is."""


class Handlers:
    """Answers the events of one page.

    Args:
        parts: Its components.
        study: Where answers are recorded and graded.
    """

    def __init__(self, parts: Parts, study: Study) -> None:
        self.parts = parts
        self.desk = parts.desk
        self.study = study
        self.library = study.library

    def open(self, learner: object, place: object, drafts: object, request: gr.Request) -> Update:
        """Show the page where the learner left it, or the first question in the browser's own language."""
        header = request.headers.get("accept-language")
        here = read_place(place, self.library, lang=accepted_lang(header))
        shown = self._show(learner, here, drafts, checking=True)
        return {
            self.parts.lang: here.lang,
            self.parts.quiz: self._quiz_menu(here),
            **_merge(shown, self._labels(here.lang)),
        }

    def switch_lang(self, learner: object, place: object, drafts: object, lang: object) -> Update:
        """Show everything in another language; what is typed or picked stays."""
        here = read_place(place, self.library)
        here = replace(here, lang=read_lang(lang, here.lang))
        update = _keep_values(self._show(learner, here, drafts), self.desk)
        results_update = self.show_results(learner, here.store())
        return {self.parts.quiz: self._quiz_menu(here), **_merge(update, self._labels(here.lang)), **results_update}

    def switch_quiz(self, learner: object, place: object, drafts: object, quiz: object) -> Update:
        """Go to the first question of another quiz."""
        here = read_place(place, self.library)
        there = read_place({"lang": here.lang, "quiz": quiz}, self.library)
        return {**self._show(learner, there, drafts), **self.show_results(learner, there.store())}

    def choose(self, learner: object, place: object, drafts: object, event: gr.EventData) -> Update:
        """Go to the question that was clicked in the list."""
        here = read_place(place, self.library)
        data = event._data  # noqa: SLF001 -- a missing attribute would raise; the data is unchecked anyway
        question = data.get("question") if isinstance(data, dict) else None
        there = read_place({**here.store(), "question": question, "retry": False}, self.library)
        return self._show(learner, there, drafts)

    def step_back(self, learner: object, place: object, drafts: object) -> Update:
        """Go to the question before."""
        return self._show(learner, read_place(place, self.library).move(self.library, -1), drafts)

    def step_on(self, learner: object, place: object, drafts: object) -> Update:
        """Go to the question after."""
        return self._show(learner, read_place(place, self.library).move(self.library, 1), drafts)

    def retry(self, learner: object, place: object, drafts: object) -> Update:
        """Open an answered question for another attempt."""
        return self._show(learner, replace(read_place(place, self.library), retry=True), drafts)

    def submit(self, learner: object, place: object, drafts: object, *answers: object) -> Update:
        """Commit the answer on the screen and show it as being graded; :meth:`settle` grades it.

        Args:
            learner: Token that the browser kept.
            place: Place that the browser kept.
            drafts: Unsent answers that the browser kept.
            answers: Values of the text, single-choice and multiple-choice inputs.
        """
        here = read_place(place, self.library)
        if not here.quiz:
            return {}
        question = next(q for q in self.library.courses[here.quiz].quiz.questions if q.id == here.question)
        raw = dict(zip(("free", "single", "multiple"), answers, strict=True))[question.type]
        answer = read_answer(question, raw)
        if isinstance(answer, Refusal):
            return {self.desk.notice: notice(say(here.lang, answer.key, **answer.values))}
        token = read_token(learner) or new_token()
        try:
            self.study.record(token, here.quiz, here.question, here.lang, answer)
        except StoreError as error:
            return self._failed(here, "store_failed", error)
        shown = self._show(token, replace(here, retry=False), drafts, checking=True)
        return {**shown, self.parts.kept.learner: token}

    def settle(self, learner: object, place: object) -> Update:
        """Grade whatever of this learner's has no grade yet.

        It may take a while and the learner may go on meanwhile, so it draws nothing: a new value of ``settled`` makes
        the browser ask for :meth:`refresh` at the place where it is by then.
        """
        token = read_token(learner)
        here = read_place(place, self.library)
        try:
            done = Settled(0, None) if token is None else self.study.settle(token)
        except StoreError as error:
            return self._failed(here, "store_failed", error)
        if done.trouble is None:
            return {self.parts.settled: secrets.token_hex(8) if done.given else gr.skip()}
        drawn = {self.parts.settled: secrets.token_hex(8)}
        if isinstance(done.trouble, BusyError):
            told = say(here.lang, "busy", seconds=done.trouble.retry_s)
            return {**drawn, self.desk.notice: notice(told)}
        key = "store_failed" if isinstance(done.trouble, StoreError) else "grading_failed"
        return {**drawn, **self._failed(here, key, done.trouble)}

    def refresh(self, learner: object, place: object, drafts: object) -> Update:
        """Draw what came of answers at the place on the screen; what is typed or picked there stays."""
        here = read_place(place, self.library)
        update = _keep_values(self._show(learner, here, drafts), self.desk)
        for settled in (self.parts.kept.learner, self.parts.kept.place, self.desk.notice):
            update.pop(settled, None)
        return update

    def show_results(self, learner: object, place: object) -> Update:
        """Show the results of the quiz on the screen."""
        token = read_token(learner)
        here = read_place(place, self.library)
        if not here.quiz:
            return {self.parts.results: NOTHING}
        try:
            attempts = () if token is None else self.study.store.attempts(token)
            works = {} if token is None else self.study.works(token, here.quiz)
            shown = results(here.lang, self.library.courses[here.quiz], works, attempts)
        except StoreError as error:
            return self._failed(here, "store_failed", error)
        return {self.parts.results: shown}

    def _show(self, learner: object, place: Place, drafts: object, *, checking: bool = False) -> Update:
        token = read_token(learner)
        try:
            works = {} if token is None or not place.quiz else self.study.works(token, place.quiz)
            screen = build_screen(self.library, place, works, drafts, checking=checking)
        except StoreError as error:
            return self._failed(place, "store_failed", error)
        fresh = {self.parts.kept.learner: new_token()} if token is None else {}
        return {**fresh, self.parts.kept.place: place.store(), **self._screen(screen)}

    def _screen(self, screen: Screen) -> Update:
        desk, choices = self.desk, list(screen.choices)
        single = screen.draft[0] if screen.kind == "single" and screen.draft else None
        multiple = list(screen.draft) if screen.kind == "multiple" else []
        return {
            self.parts.nav: screen.nav,
            desk.question: screen.question,
            desk.answer_box: gr.update(visible=screen.mode == "open"),
            desk.text: gr.update(visible=screen.kind == "free", value=screen.draft if screen.kind == "free" else ""),
            desk.counter: gr.update(visible=screen.kind == "free"),
            desk.single: gr.update(visible=screen.kind == "single", choices=choices, value=single),
            desk.multiple: gr.update(visible=screen.kind == "multiple", choices=choices, value=multiple),
            desk.notice: NOTHING,
            desk.outcome: screen.outcome,
            desk.retry: gr.update(visible=screen.has_retry),
            desk.previous: gr.update(visible=screen.mode != "empty", interactive=screen.has_previous),
            desk.next: gr.update(
                visible=screen.mode != "empty",
                interactive=screen.has_next,
                variant="primary" if screen.mode == "done" else "secondary",
            ),
        }

    def _labels(self, lang: Lang) -> Update:
        parts, desk = self.parts, self.desk
        return {
            parts.masthead: masthead(lang),
            parts.faults: faults(lang, self.library.faults),
            parts.footer: footer(lang),
            parts.practice_tab: gr.update(label=say(lang, "practice")),
            parts.results_tab: gr.update(label=say(lang, "results")),
            desk.text: gr.update(label=say(lang, "answer_label"), placeholder=say(lang, "answer_placeholder")),
            desk.single: gr.update(label=say(lang, "choose_one")),
            desk.multiple: gr.update(label=say(lang, "choose_all")),
            desk.submit: gr.update(value=say(lang, "submit")),
            desk.retry: gr.update(value=say(lang, "retry")),
            desk.previous: gr.update(value=say(lang, "previous")),
            desk.next: gr.update(value=say(lang, "next")),
        }

    def _quiz_menu(self, place: Place) -> dict[str, Any]:
        menu = [
            (localise(course.quiz.title, course.lang(place.lang)), quiz)
            for quiz, course in self.library.courses.items()
        ]
        return gr.update(label=say(place.lang, "quiz"), choices=menu, value=place.quiz or None, visible=len(menu) > 0)

    def _failed(self, place: Place, key: str, error: Exception) -> Update:
        """Tell the learner in a friendly line, and the operator on the console what it was."""
        told = f"grader: {error}" if isinstance(error, GraderError) else "".join(traceback.format_exception(error))
        print(told, flush=True)  # noqa: T201 -- the console is where an operator looks
        return {self.desk.notice: notice(say(place.lang, key))}


def _keep_values(update: Update, desk: Desk) -> Update:
    """Leave what the learner typed or picked as it is in the browser."""
    inputs = {desk.text, desk.single, desk.multiple} & update.keys()
    kept = {part: {name: value for name, value in update[part].items() if name != "value"} for part in inputs}
    return {**update, **kept}


def _merge(first: Update, second: Update) -> Update:
    """Put two updates together; where both change properties of one component, all of them."""
    both = {part: {**first[part], **second[part]} for part in first.keys() & second.keys()}
    return {**first, **second, **both}
