"""The page in a real browser, in both languages."""

from __future__ import annotations

import os
import re
import sqlite3
from pathlib import Path
from urllib.parse import urlsplit

import pytest
from playwright.sync_api import Browser, BrowserContext, Error, Page, expect, sync_playwright

pytestmark = pytest.mark.browser

FLAGS = (
    "--headless",
    "--disable-gpu",
    "--disable-quic",
    "--no-first-run",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
)
WORDS = {
    "en": {
        "locale": "en-GB",
        "answer": "Your answer",
        "submit": "Check my answer",
        "next": "Next",
        "retry": "Try again",
        "partial": "Partly correct",
        "correct": "Correct",
        "text": "It is an algebraic identity.",
        "evidence": "identity",
        "missing": "canary-rounding-en",
        "explanation": "canary-explanation-free-en",
        "picks": ("The running maximum", "The tile of logits"),
        "results": "Results",
        "answered": "3 of 3 answered",
        "empty": "Write an answer first.",
        "empty_choice": "Choose an answer first.",
    },
    "es": {
        "locale": "es-MX",
        "answer": "Tu respuesta",
        "submit": "Comprobar mi respuesta",
        "next": "Siguiente",
        "retry": "Intentar de nuevo",
        "partial": "Parcialmente correcta",
        "correct": "Correcta",
        "text": "Es una identidad algebraica.",
        "evidence": "identidad",
        "missing": "canary-rounding-es",
        "explanation": "canary-explanation-free-es",
        "picks": ("El máximo acumulado", "El bloque de logits"),
        "results": "Resultados",
        "answered": "3 de 3 respondidas",
        "empty": "Primero escribe una respuesta.",
        "empty_choice": "Primero elige una respuesta.",
    },
}
LANGS = pytest.mark.parametrize("lang", ["en", "es"])


@pytest.fixture(scope="module")
def chromium(browser_path: Path):
    flags = [*FLAGS, "--no-sandbox"] if os.geteuid() == 0 else list(FLAGS)
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=browser_path, args=flags)
        yield browser
        browser.close()


@pytest.fixture
def visit(chromium: Browser, server):
    """Open the page as a new learner; fail on a request to anywhere else and on a script error."""
    contexts: list[BrowserContext] = []
    outside: list[str] = []
    errors: list[str] = []

    def open_page(lang: str = "en", url: str = server.url, **options: object) -> Page:
        context = chromium.new_context(locale=WORDS[lang]["locale"], **options)
        contexts.append(context)
        context.set_default_timeout(15_000)
        page = context.new_page()
        page.on("request", lambda request: None if is_local(request.url) else outside.append(request.url))
        page.on("pageerror", lambda error: errors.append(str(error)))
        page.on("dialog", lambda dialog: (errors.append(f"dialog: {dialog.message}"), dialog.dismiss()))
        show(page, url)
        return page

    yield open_page
    for context in contexts:
        context.close()
    assert outside == []
    assert errors == []


def is_local(url: str) -> bool:
    parts = urlsplit(url)
    return parts.scheme in {"data", "blob"} or parts.hostname == "127.0.0.1"


def show(page: Page, url: str | None = None) -> None:
    if url:
        page.goto(url)
    else:
        reload(page)
    page.wait_for_selector("#question-title")
    page.wait_for_function("document.documentElement.lang.length === 2")


def reload(page: Page) -> None:
    """Reload; where the page does so by itself, its server being back, one of the two loads is aborted."""
    try:
        page.reload()
    except Error:
        page.reload()


def send(page: Page, lang: str) -> None:
    page.get_by_role("button", name=WORDS[lang]["submit"]).click()
    expect(page.locator("#outcome .badge").first).to_be_visible()


def go(page: Page, question: str) -> None:
    page.locator(f'[data-question="{question}"]').click()
    expect(page.locator(f'[data-question="{question}"]')).to_have_attribute("aria-current", "true")


@LANGS
def test_a_learner_answers_every_kind_of_question(visit, lang):
    words = WORDS[lang]
    page = visit(lang)
    assert page.evaluate("document.documentElement.lang") == lang
    page.get_by_label(words["answer"]).fill(words["text"])
    send(page, lang)
    outcome = page.locator("#outcome")
    expect(outcome).to_contain_text(words["partial"])
    expect(outcome.locator("mark")).to_contain_text(words["evidence"])
    expect(outcome).to_contain_text(words["missing"])
    expect(outcome).to_contain_text(words["explanation"])
    expect(outcome).to_be_focused()

    page.get_by_role("button", name=words["next"]).click()
    for pick in words["picks"]:
        page.get_by_label(pick).check()
    send(page, lang)
    expect(outcome.locator(".badge")).to_have_text(words["correct"])

    page.get_by_role("button", name=words["next"]).click()
    page.get_by_label("8×").check()
    send(page, lang)
    expect(outcome.locator(".badge")).to_have_text(words["correct"])
    expect(page.locator("#nav")).to_contain_text(words["answered"])
    expect(page.get_by_role("button", name=words["next"])).to_be_disabled()

    page.get_by_role("tab", name=words["results"]).click()
    expect(page.locator(".tile").first).to_contain_text("4 / 5")
    expect(page.locator(".bar")).to_have_count(3)
    with page.expect_download() as downloading:
        page.locator("a.download").click()
    saved = Path(downloading.value.path()).read_text(encoding="utf-8-sig")
    assert words["text"] in saved


def test_the_language_switches_at_once_and_keeps_what_is_typed(visit):
    page = visit("en")
    typed = "Half an answer, not sent"
    page.get_by_label("Your answer").fill(typed)
    page.get_by_label("Español").check(force=True)
    expect(page.get_by_label("Tu respuesta")).to_have_value(typed)
    expect(page.locator("#question-title")).to_have_text("FlashAttention es exacta")
    expect(page.get_by_role("tab", name="Practicar")).to_be_visible()
    expect(page.get_by_role("button", name="Comprobar mi respuesta")).to_be_visible()
    expect(page.locator(".footer")).to_contain_text("Tus respuestas")
    page.wait_for_function("document.documentElement.lang === 'es'")
    english = ["Your answer", "Check my", "Practice", "Results", "Question ", "Next", "Previous", "Quiz", "left"]
    shown = page.locator("body").inner_text()
    assert [text for text in english if text in shown] == []
    go(page, "q-multiple")
    page.get_by_label("El bloque de logits").check()
    page.get_by_label("English").check(force=True)
    expect(page.get_by_label("The tile of logits")).to_be_checked()
    go(page, "q-free")
    expect(page.get_by_label("Your answer")).to_have_value(typed)


def test_a_reload_keeps_progress_language_place_and_drafts(visit):
    page = visit("en")
    page.get_by_label("Your answer").fill("It is an identity.")
    send(page, "en")
    go(page, "q-multiple")
    page.get_by_label("The running maximum").check()
    go(page, "q-single")
    page.get_by_label("4×").check()
    page.get_by_label("Español").check(force=True)
    expect(page.locator("#question-title")).to_have_text("Caché con GQA")
    show(page)
    expect(page.locator("#question-title")).to_have_text("Caché con GQA")
    expect(page.get_by_label("4×")).to_be_checked()
    expect(page.locator("#nav")).to_contain_text("1 de 3 respondidas")
    go(page, "q-multiple")
    expect(page.get_by_label("El máximo acumulado")).to_be_checked()
    go(page, "q-free")
    expect(page.locator("#outcome")).to_contain_text("It is an identity")


def test_another_try_keeps_the_earlier_one(visit):
    page = visit("en")
    page.get_by_label("Your answer").fill("It is an identity.")
    send(page, "en")
    page.get_by_role("button", name="Try again").click()
    box = page.get_by_label("Your answer")
    expect(box).to_have_value("It is an identity.")
    box.fill("It is an identity up to rounding.")
    page.get_by_role("button", name="Check my answer").click()
    expect(page.locator("#outcome .verdict-line")).to_contain_text("3 of 3 points")
    expect(page.locator(".earlier summary")).to_have_text("Earlier attempts (1)")


def test_an_empty_or_overlong_answer_is_told_so(visit):
    page = visit("en")
    page.get_by_role("button", name="Check my answer").click()
    expect(page.get_by_role("alert")).to_contain_text("Write an answer first.")
    page.get_by_label("Your answer").fill("x" * 4_001)
    expect(page.locator(".counter")).to_have_text("4001 / 4000")
    expect(page.locator(".counter")).to_have_class(re.compile("is-over"))
    page.get_by_role("button", name="Check my answer").click()
    expect(page.get_by_role("alert")).to_contain_text("4001 characters")
    go(page, "q-single")
    page.get_by_role("button", name="Check my answer").click()
    expect(page.get_by_role("alert")).to_contain_text("Choose an answer first.")
    expect(page.locator("#nav")).to_contain_text("0 of 3 answered")


@pytest.mark.parametrize(
    "hostile",
    [
        "identity <script>window.hacked = 1</script>",
        'identity <img src="/x" onerror="window.hacked = 1">',
        "identity ${window.hacked = 1} {{window.hacked}} `${window.hacked = 1}`",
        "identity [a](javascript:window.hacked=1) **b** <svg onload=window.hacked=1>",
    ],
)
def test_markup_in_an_answer_is_shown_and_never_run(visit, hostile):
    page = visit("en")
    page.get_by_label("Your answer").fill(hostile)
    send(page, "en")
    shown = page.locator("#outcome bdi").first.evaluate(
        "e => [...e.childNodes].map(n => n.nodeName + n.textContent).join('')"
    )
    assert re.sub(r"#text|MARK|(?<=identity)1", "", shown) == hostile
    page.get_by_role("tab", name="Results").click()
    expect(page.locator(".results table")).to_contain_text(hostile[:40])
    show(page)
    expect(page.locator("#outcome")).to_contain_text(hostile[9:40])
    assert page.evaluate("window.hacked") is None


@LANGS
def test_a_phone_needs_no_sideways_scrolling(visit, lang):
    words = WORDS[lang]
    page = visit(lang, viewport={"width": 390, "height": 844}, is_mobile=True, has_touch=True)
    fits = "document.documentElement.scrollWidth <= 390 && innerWidth === 390"
    assert page.evaluate(fits)
    page.get_by_label(words["answer"]).fill(words["text"] + " " + "Donaudampfschifffahrt" * 9)
    send(page, lang)
    assert page.evaluate(fits)
    go(page, "q-multiple")
    page.get_by_label(words["picks"][0]).check()
    assert page.evaluate(fits)
    send(page, lang)
    assert page.evaluate(fits)
    page.get_by_role("tab", name=words["results"]).click()
    expect(page.locator(".bar").first).to_be_visible()
    assert page.evaluate(fits)


def test_the_keyboard_is_enough(visit):
    page = visit("en")
    page.get_by_label("Your answer").focus()
    page.keyboard.type("It is an identity.")
    page.keyboard.press("Shift+Enter")
    expect(page.locator("#outcome")).to_be_focused()
    for _ in range(12):
        page.keyboard.press("Tab")
        if page.evaluate("document.activeElement.id") == "next":
            break
    outline = page.evaluate("getComputedStyle(document.activeElement).outlineStyle")
    assert (page.evaluate("document.activeElement.id"), outline) == ("next", "solid")
    page.keyboard.press("Enter")
    expect(page.locator("#question-title")).to_have_text("What stays in SRAM")
    expect(page.locator("#question-title")).to_be_focused()
    expect(page.get_by_role("group", name="Choose all that apply")).to_be_visible()


CONTRAST = """
() => {
  const channel = (v) => { v /= 255; return v <= 0.03928 ? v / 12.92 : ((v + 0.055) / 1.055) ** 2.4; };
  const parse = (c) => { const n = c.match(/[\\d.]+/g).map(Number); return {rgb: n.slice(0, 3), a: n[3] ?? 1}; };
  const light = (rgb) => 0.2126 * channel(rgb[0]) + 0.7152 * channel(rgb[1]) + 0.0722 * channel(rgb[2]);
  const ground = (e) => {
    for (; e; e = e.parentElement) {
      const c = parse(getComputedStyle(e).backgroundColor);
      if (c.a > 0.99) return c.rgb;
    }
    return [255, 255, 255];
  };
  const weak = [];
  for (const e of document.querySelectorAll('body *')) {
    const text = [...e.childNodes].some((n) => n.nodeType === 3 && n.textContent.trim());
    const box = e.getBoundingClientRect();
    if (!text || box.width < 2 || e.disabled || !e.checkVisibility({opacityProperty: true})) continue;
    const [a, b] = [light(parse(getComputedStyle(e).color).rgb), light(ground(e))];
    const ratio = (Math.max(a, b) + 0.05) / (Math.min(a, b) + 0.05);
    if (ratio < 4.5) weak.push(`${e.tagName}.${e.className} ${ratio.toFixed(2)} ${e.textContent.trim().slice(0, 40)}`);
  }
  return weak;
}
"""


def weak_texts(page: Page) -> list[str]:
    """List texts with too little contrast, once colours have stopped changing."""
    for _ in range(20):
        weak: list[str] = page.evaluate(CONTRAST)
        if not weak:
            break
        page.wait_for_timeout(50)
    return weak


@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_text_stands_out_from_its_ground(visit, scheme):
    page = visit("en", color_scheme=scheme, reduced_motion="reduce")
    assert weak_texts(page) == []
    page.get_by_label("Your answer").fill("An identity, unsure, lossy.")
    send(page, "en")
    assert weak_texts(page) == []
    go(page, "q-multiple")
    page.get_by_label("The running maximum").check()
    page.get_by_label("The whole logits matrix").check()
    assert weak_texts(page) == []
    send(page, "en")
    assert weak_texts(page) == []
    page.get_by_role("tab", name="Results").click()
    expect(page.locator(".results table")).to_be_visible()
    assert weak_texts(page) == []


def test_moving_on_while_an_answer_is_graded_stays_where_one_went(visit, make_server):
    server = make_server(gate=False)
    page = visit("en", server.url)
    page.get_by_label("Your answer").fill("It is an identity.")
    page.get_by_role("button", name="Check my answer").click()
    expect(page.locator("#outcome")).to_contain_text("Checking your answer")
    go(page, "q-single")
    page.get_by_label("4×").check()
    server.gate.touch()
    expect(page.locator('[data-question="q-free"]')).to_have_class(re.compile("is-partial"))
    expect(page.locator("#question-title")).to_have_text("GQA cache")
    expect(page.get_by_label("4×")).to_be_checked()


@pytest.mark.slow
def test_a_killed_server_loses_nothing_of_an_open_page(visit, make_server):
    server = make_server(gate=False)
    page = visit("en", server.url)
    page.get_by_label("Your answer").fill("It is an identity.")
    page.get_by_role("button", name="Check my answer").click()
    expect(page.locator("#outcome")).to_contain_text("Checking your answer")
    server.kill()
    server.gate.touch()
    server.start()
    show(page)
    expect(page.locator("#outcome")).to_contain_text("canary-identity-en")
    page.get_by_role("button", name="Next").click()
    page.get_by_label("The tile of logits").check()
    server.kill()
    server.start()
    send(page, "en")
    expect(page.locator("#nav")).to_contain_text("2 of 3 answered")
    with sqlite3.connect(server.db) as connection:
        counts = connection.execute("SELECT (SELECT count(*) FROM attempts), (SELECT count(*) FROM grades)").fetchone()
    connection.close()
    assert counts == (2, 2)
