"""What quiz and rubric files may hold, as pydantic models; the JSON Schemas come from these too.

The models check each value where it stands. What takes two places to see, such as repeated ids, is checked beside
the loaders.
"""

from __future__ import annotations

import unicodedata
from dataclasses import dataclass
from typing import Annotated, Any, Literal, cast

from pydantic import (
    AfterValidator,
    BaseModel,
    BeforeValidator,
    ConfigDict,
    Field,
    GetJsonSchemaHandler,
    RootModel,
    StrictFloat,
    StrictInt,
    ValidationInfo,
    field_validator,
    model_validator,
)
from pydantic.json_schema import JsonSchemaValue
from pydantic_core import CoreSchema, PydanticCustomError

from grader.load.faults import shown
from grader.schema import LANGS, Lang, LocalText, LocalTexts

COURSE_FILE = "course_file"
"""Type of the validation errors whose message is worded here and complete."""

ID_PATTERN = r"^[a-z0-9][a-z0-9._-]*$"


@dataclass(frozen=True)
class Languages:
    """What a file's texts must be written in; the models' validation context.

    Args:
        langs: Every text exists in exactly these.
        plain: The language of a plain string, or ``None`` where plain strings are not allowed.
    """

    langs: tuple[Lang, ...]
    plain: Lang | None


def _is_blank(text: str) -> bool:
    return all(unicodedata.category(char)[0] in "ZC" for char in text)


def _listed(value: object) -> object:
    """Read one value where a list may stand as a list of one."""
    return value if isinstance(value, (list, dict)) or value is None else [value]


def _not_blank(text: str) -> str:
    if _is_blank(text):
        raise PydanticCustomError(COURSE_FILE, "the text is empty")
    return text.strip()


Id = Annotated[str, Field(pattern=ID_PATTERN, max_length=100)]
Points = Annotated[StrictFloat, Field(gt=0, allow_inf_nan=False)]
Wording = Annotated[str, AfterValidator(_not_blank)]
Wordings = Annotated[list[Wording], BeforeValidator(_listed, json_schema_input_type=list[Wording] | Wording)]
Key = Annotated[StrictInt, Field(ge=1)]
Keys = Annotated[list[Key], Field(min_length=1), BeforeValidator(_listed, json_schema_input_type=list[Key] | Key)]


class _Strict(BaseModel):
    model_config = ConfigDict(extra="forbid", frozen=True)


class _Local(_Strict):
    """A mapping from language to what is written in it; a bare value where the file has one language."""

    @model_validator(mode="before")
    @classmethod
    def _bare(cls, value: Any, info: ValidationInfo) -> Any:  # noqa: ANN401 -- what YAML held
        if isinstance(value, dict):
            return value
        if value is None:
            raise PydanticCustomError(COURSE_FILE, "the text is empty")
        languages = _languages(info)
        if languages.plain is None:
            message = (
                "expected a text in each language ({wanted}); a bare one needs `lang:` at the quiz's top; got {got}"
            )
            details = {"wanted": ", ".join(languages.langs), "got": shown(value)}
            raise PydanticCustomError(COURSE_FILE, message, details)
        return {languages.plain: value}

    @classmethod
    def __get_pydantic_json_schema__(cls, schema: CoreSchema, handler: GetJsonSchemaHandler) -> JsonSchemaValue:
        """Describe both spellings, the mapping and the bare value."""
        mapping = handler.resolve_ref_schema(handler(schema))
        bare = mapping["properties"]["en"]
        bare = {key: value for key, value in bare.items() if key not in {"title", "description"}}
        return {"anyOf": [mapping | {"minProperties": 1}, bare]}


def _languages(info: ValidationInfo) -> Languages:
    return cast("Languages", info.context)


def _check_language(info: ValidationInfo, *, present: bool) -> None:
    lang, languages = info.field_name, _languages(info)
    if lang in languages.langs and not present:
        raise PydanticCustomError(COURSE_FILE, "the text is missing or empty in this language")
    if lang not in languages.langs and present:
        wanted = {"wanted": ", ".join(languages.langs)}
        raise PydanticCustomError(COURSE_FILE, "the quiz is written in {wanted} only", wanted)


class Text(_Local):
    """One text in each language of the quiz."""

    en: str = Field(default_factory=str, validate_default=True, description="In English.")
    es: str = Field(default_factory=str, validate_default=True, description="In Spanish.")

    @field_validator("en", "es")
    @classmethod
    def _written(cls, text: str, info: ValidationInfo) -> str:
        _check_language(info, present=not _is_blank(text))
        return text.strip()

    def by_language(self) -> LocalText:
        """Return what is written, by language."""
        return {lang: getattr(self, lang) for lang in LANGS if getattr(self, lang)}


class Texts(_Local):
    """Several wordings in each language of the quiz."""

    en: Wordings = Field(default_factory=list, validate_default=True, description="In English.")
    es: Wordings = Field(default_factory=list, validate_default=True, description="In Spanish.")

    @field_validator("en", "es")
    @classmethod
    def _written(cls, texts: list[str], info: ValidationInfo) -> list[str]:
        _check_language(info, present=bool(texts))
        return texts

    def by_language(self) -> LocalTexts:
        """Return what is written, by language."""
        return {lang: tuple(getattr(self, lang)) for lang in LANGS if getattr(self, lang)}


def _no_text() -> Text:
    return Text.model_construct(en="", es="")


def _no_texts() -> Texts:
    return Texts.model_construct(en=[], es=[])


class _Question(_Strict):
    id: Id = Field(description="Unique in the quiz: lower-case letters, digits, '-', '_', '.'.")
    title: Text = Field(default_factory=_no_text, description="Short heading.")
    prompt: Text = Field(description="What the learner reads.")
    explanation: Text = Field(default_factory=_no_text, description="Shown after answering.")
    fact: Id | None = Field(default=None, description="Id of a fact in grader.attention that proves the answer.")


class FreeQuestion(_Question):
    """A question answered in one's own words."""

    type: Literal["free"] = Field(description="Answered in one's own words.")
    reference: Texts = Field(description="Full-mark answers, at least one in each language.")


class _ChoiceQuestion(_Question):
    choices: list[Text] = Field(min_length=2, description="Options in the order shown.")
    answer: Keys = Field(description="Right choices, counted from 1.")

    @field_validator("choices")
    @classmethod
    def _distinct(cls, choices: list[Text]) -> list[Text]:
        for later, text in enumerate(choices):
            for earlier, other in enumerate(choices[:later]):
                same = [lang for lang in LANGS if getattr(text, lang) and getattr(text, lang) == getattr(other, lang)]
                if same:
                    details = {"first": earlier + 1, "second": later + 1, "lang": same[0]}
                    message = "choices {first} and {second} read the same in '{lang}'"
                    raise PydanticCustomError(COURSE_FILE, message, details)
        return choices

    @field_validator("answer")
    @classmethod
    def _keys(cls, answer: list[int], info: ValidationInfo) -> list[int]:
        count = len(info.data["choices"]) if "choices" in info.data else None
        outside = [key for key in answer if count is not None and key > count]
        if outside:
            details = {"count": count, "got": shown(answer)}
            raise PydanticCustomError(COURSE_FILE, "keys run from 1 to {count}; got {got}", details)
        if len(set(answer)) < len(answer):
            raise PydanticCustomError(COURSE_FILE, "a key is repeated; got {got}", {"got": shown(answer)})
        return answer


class SingleQuestion(_ChoiceQuestion):
    """A question with exactly one right choice."""

    type: Literal["single"] = Field(description="Exactly one choice is right.")

    @field_validator("answer")
    @classmethod
    def _one_key(cls, answer: list[int]) -> list[int]:
        if len(answer) != 1:
            details = {"got": shown(answer)}
            raise PydanticCustomError(COURSE_FILE, "a single question has exactly one key; got {got}", details)
        return answer


class MultipleQuestion(_ChoiceQuestion):
    """A question with one or more right choices."""

    type: Literal["multiple"] = Field(description="One or more choices are right.")


AnyQuestion = Annotated[FreeQuestion | SingleQuestion | MultipleQuestion, Field(discriminator="type")]


class QuizFile(_Strict):
    """A quiz: data/quizzes/<id>.yaml."""

    schema_: Literal[1] = Field(alias="schema", description="Version of this format.")
    id: Id = Field(description="The file's name without its suffix.")
    lang: Lang | None = Field(default=None, description="Only where the quiz has one language: texts may be bare.")
    title: Text = Field(description="Heading of the quiz.")
    questions: list[AnyQuestion] = Field(min_length=1, description="In the order asked.")


class CriterionFile(_Strict):
    """One atomic statement that a full answer expresses."""

    id: Id = Field(description="Unique in its question.")
    points: Points = Field(description="What expressing it earns.")
    statement: Text = Field(description="A whole sentence that stands on its own.")
    accept: Texts = Field(default_factory=_no_texts, description="Other wordings that count as expressing it.")


class MisconceptionFile(_Strict):
    """A typical wrong belief; asserting it contradicts the answer."""

    id: Id = Field(description="Unique in its question.")
    statement: Text = Field(description="The belief, as a whole sentence that stands on its own.")
    feedback: Text = Field(default_factory=_no_text, description="What to tell a learner who holds it.")


class QuestionRubricFile(_Strict):
    """What earns points in one free question."""

    max_points: Points | None = Field(default=None, description="Full mark; the sum of the criteria unless given.")
    criteria: list[CriterionFile] = Field(min_length=1, description="What a full answer expresses.")
    misconceptions: list[MisconceptionFile] = Field(default_factory=list, description="Typical wrong beliefs.")


class RubricFile(RootModel[dict[Id, QuestionRubricFile]]):
    """Rubrics of a quiz's free questions, by question id: rubrics/<id>.yaml."""
