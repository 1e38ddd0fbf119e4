"""Words that edits rely on: opposites, roles, verbs, negations; English and Spanish.

Kept short on purpose. A word is here only where its opposite makes an ordinary technical sentence false.
"""

# ruff: noqa: E501 -- a pattern is read in one piece

from __future__ import annotations

import re

from grader.schema import Lang

OPPOSITES: dict[Lang, tuple[tuple[str, str], ...]] = {
    "en": (
        ("increases", "decreases"),
        ("increase", "decrease"),
        ("increased", "decreased"),
        ("more", "less"),
        ("fewer", "more"),
        ("higher", "lower"),
        ("larger", "smaller"),
        ("bigger", "smaller"),
        ("greater", "smaller"),
        ("longer", "shorter"),
        ("faster", "slower"),
        ("cheaper", "dearer"),
        ("hotter", "colder"),
        ("harder", "softer"),
        ("heavier", "lighter"),
        ("stronger", "weaker"),
        ("before", "after"),
        ("above", "below"),
        ("inside", "outside"),
        ("always", "never"),
        ("the same", "a different"),
        ("identical", "different"),
        ("exact", "approximate"),
        ("exactly", "approximately"),
        ("linear", "quadratic"),
        ("linearly", "quadratically"),
        ("contiguous", "scattered"),
        ("shared", "separate"),
        ("maximum", "minimum"),
        ("positive", "negative"),
        ("complete", "incomplete"),
        ("connected", "disconnected"),
        ("open", "closed"),
        ("latest", "earliest"),
        ("multiplied", "divided"),
        ("gains", "loses"),
        ("absorbs", "releases"),
        ("attracts", "repels"),
        ("floats", "sinks"),
        ("rises", "falls"),
    ),
    "es": (
        ("aumenta", "disminuye"),
        ("aumentan", "disminuyen"),
        ("aumentar", "disminuir"),
        ("crece", "decrece"),
        ("crecen", "decrecen"),
        ("sube", "baja"),
        ("suben", "bajan"),
        ("reduce", "aumenta"),
        ("más", "menos"),
        ("mayor", "menor"),
        ("mayores", "menores"),
        ("mejor", "peor"),
        ("antes", "después"),
        ("dentro", "fuera"),
        ("encima", "debajo"),
        ("siempre", "nunca"),
        ("misma", "distinta"),
        ("mismo", "distinto"),
        ("mismas", "distintas"),
        ("mismos", "distintos"),
        ("idéntica", "distinta"),
        ("idéntico", "distinto"),
        ("idénticas", "distintas"),
        ("idénticos", "distintos"),
        ("exacta", "aproximada"),
        ("exacto", "aproximado"),
        ("exactamente", "aproximadamente"),
        ("rápido", "lento"),
        ("rápida", "lenta"),
        ("barato", "caro"),
        ("positivo", "negativo"),
        ("positiva", "negativa"),
        ("máximo", "mínimo"),
        ("lineal", "cuadrático"),
        ("linealmente", "cuadráticamente"),
        ("compartida", "separada"),
        ("compartidas", "separadas"),
        ("contiguos", "dispersos"),
        ("multiplica", "divide"),
        ("multiplican", "dividen"),
        ("abierto", "cerrado"),
        ("últimos", "primeros"),
        ("últimas", "primeras"),
    ),
}
"""Each is replaced by the other, both ways."""

IDIOMS: dict[Lang, str] = {
    "en": r"more or less|more and more|more than one|once more|any more|no (?:more|less|longer|larger|smaller|higher|lower|fewer)|(?:to|and|or) lower|lower[- ](?:bound|layers?)|higher[- ]order|above all|all the same|at the same time|(?:about|almost|nearly) the same|the same (?:as|time|way)|as before|than before|shared memory|the open|look after|greater or equal|not? \w+",
    "es": r"más o menos|es más|no (?:más|menos|mayor|menor|mejor|peor)|más de una? vez|de más|al menos|por lo menos|a lo mejor|lo mismo|(?:casi|aproximadamente) l[ao]s? mism[oa]s?|sí mism[oa]s?|ahora mismo|al mismo tiempo|a la misma vez|que antes|como antes|de antes|cuanto antes|antes posible|como máximo|como mínimo|no \w+|ni \w+",
}
"""Where an opposite would not turn the meaning round, or leave no sentence."""

ROLES: dict[Lang, tuple[tuple[tuple[str, ...], tuple[str, ...]], ...]] = {
    "en": (
        (("key", "keys"), ("query", "queries")),
        (("row", "rows"), ("column", "columns")),
        (("encoder", "encoders"), ("decoder", "decoders")),
        (("training",), ("inference",)),
        (("numerator",), ("denominator",)),
        (("input", "inputs"), ("output", "outputs")),
        (("client", "clients"), ("server", "servers")),
        (("sender",), ("receiver",)),
        (("logical",), ("physical",)),
        (("voltage",), ("current",)),
    ),
    "es": (
        (("clave", "claves"), ("consulta", "consultas")),
        (("fila", "filas"), ("columna", "columnas")),
        (("codificador",), ("decodificador",)),
        (("entrenamiento",), ("inferencia",)),
        (("numerador",), ("denominador",)),
        (("entrada", "entradas"), ("salida", "salidas")),
        (("cliente", "clientes"), ("servidor", "servidores")),
        (("emisor",), ("receptor",)),
        (("lógico", "lógicos", "lógica"), ("físico", "físicos", "física")),
        (("tensión",), ("corriente",)),
    ),
}
"""Two roles that are exchanged everywhere, form by form, where a text names both."""

NEGATION: dict[Lang, re.Pattern[str]] = {
    "en": re.compile(r"\b(?:no|not|never|nor|neither|none|nothing|nobody|cannot|without|hardly|barely|\w+n['’]t)\b", re.IGNORECASE),
    "es": re.compile(
        r"\b(?:no|ni|nunca|jamás|nada|nadie|ning[uú]n|ninguna|ninguno|tampoco|sin|apenas|sino)\b", re.IGNORECASE
    ),
}  # fmt: skip
AUXILIARIES = "is are was were can could will would must should"
VERBS: dict[Lang, str] = {
    "en": """
        keeps carries rescales reorders needs requires depends grows gives holds makes writes computes
        recomputes produces reduces avoids allows loses discards attends contains becomes sees multiplies
        divides adds subtracts normalises normalizes approximates equals remains stays saves lets prevents
        performs generates combines merges corrects preserves replaces removes evaporates flows serves forgets
        ignores applies starts contributes determines leads causes affects
    """,
    "es": """
        es son está están puede pueden hay tiene tienen cambia cambian queda quedan lleva llevan reescala
        reescalan reordena calcula calculan recalcula recalculan guarda guardan mantiene mantienen conserva
        conservan lee leen escribe escriben depende dependen crece crecen permite permiten necesita necesitan
        comparte comparten produce producen reduce reducen evita evitan limita limitan descarta descartan ocupa
        ocupan combina combinan mueve mueven coincide coinciden debe deben aumenta aumentan disminuye disminuyen
        fluye multiplica multiplican divide dividen asigna asignan pierde pierden omite omiten transmite
        transmiten sirve sirven corrige corrigen altera alteran atiende atienden llega llegan
    """,
}
"""Finite forms, third person, that are not commonly nouns as well."""
