"""Hostile texts: markup, templates, terminal escapes, bidirectional marks, invisible characters, paths and commands."""

from __future__ import annotations

from typing import Final

_CODE: Final = "alert(1)"
_MARKUP: Final = [
    f"<script>{_CODE}</script>",
    f"<SCRIPT SRC=data:text/javascript,{_CODE}></SCRIPT>",
    f"<img src=x onerror={_CODE}>",
    f"<svg onload={_CODE}>",
    f"<svg><script>{_CODE}</script></svg>",
    f"<body onload={_CODE}>",
    f"<iframe srcdoc='<script>parent.{_CODE}</script>'>",
    f"<iframe src=javascript:{_CODE}>",
    f"<input autofocus onfocus={_CODE}>",
    f"<details open ontoggle={_CODE}>",
    f"<video><source onerror={_CODE}>",
    f"<audio src=x onerror={_CODE}>",
    f"<marquee onstart={_CODE}>",
    f"<a href=javascript:{_CODE}>x</a>",
    f"<form action=javascript:{_CODE}><button>",
    f"<math><mi xlink:href=javascript:{_CODE}>",
    f"<object data=javascript:{_CODE}>",
    f"<embed src=javascript:{_CODE}>",
    f"<style>@import 'javascript:{_CODE}'</style>",
    f"<link rel=stylesheet href=data:,{_CODE}>",
    f"<base href=javascript:{_CODE}//>",
    f"<meta http-equiv=refresh content=0;url=javascript:{_CODE}>",
    f"<template><script>{_CODE}</script></template>",
    f"<noscript><p title='</noscript><img src=x onerror={_CODE}>'>",
    f"<!--><img src=x onerror={_CODE}>-->",
    f"<![CDATA[<script>{_CODE}</script>]]>",
    f"<x onclick={_CODE} style=position:fixed;inset:0>",
    f"<isindex type=image onerror={_CODE}>",
]
_BREAKS: Final = ["'>", '">', "</textarea>", "</title>", "</style>", "</script>", "--></p>"]
_TEMPLATES: Final = [
    "${alert(1)}",
    "{{constructor.constructor('alert(1)')()}}",
    "#{alert(1)}",
    "<%= alert(1) %>",
    "{%print(1)%}",
    "`${alert(1)}`",
    "javascript:alert(1)",
    "data:text/html,<script>alert(1)</script>",
    "[x](javascript:alert(1))",
    '![x](x"onerror="alert(1))',
    "&lt;script&gt;alert(1)&lt;/script&gt;",
    "&#60;img src=x onerror=alert(1)&#62;",
    "\\x3cscript\\x3ealert(1)\\x3c/script\\x3e",
    "+ADw-script+AD4-alert(1)+ADw-/script+AD4-",
    "';alert(1)//",
    '";alert(1)//',
    "</script><script>alert(1)//",
    "__proto__",
]
_DIRECTIONS: Final = [chr(code) for code in (0x061C, 0x200E, 0x200F, *range(0x202A, 0x202F), *range(0x2066, 0x206A))]
_INVISIBLE: Final = [
    chr(code) for code in (0xAD, 0x200B, 0x200C, 0x200D, 0x2028, 0x2029, 0x2060, 0xFEFF, 0xFFFE, 0xE0041)
]
_CONTROLS: Final = [chr(code) for code in (*range(0x20), *range(0x7F, 0xA0))]
_TERMINALS: Final = [
    "\x1b[2J",
    "\x1b[31mred",
    "\x1b]0;title\x07",
    "\x1b]8;;http://example.invalid\x07link\x1b]8;;\x07",
    "\x1bc",
    "\x9b2J",
    "\x1b[6n",
    "\x1bP$q\x1b\\",
    "\r\x1b[Ktrilayer: all is well",
    "\b\b\b\bok",
]
_PROGRAMS: Final = [
    "../../../etc/passwd",
    "..\\..\\windows\\win.ini",
    "/etc/passwd",
    "file:///etc/passwd",
    "C:\\con",
    "-rf",
    "--help",
    "$(id)",
    "`id`",
    "; id",
    "| id",
    "&& id",
    "%s%n%x",
    "{0.__class__}",
    "' OR 1=1 --",
    "=cmd|' /C calc'!A0",
    "~root",
    "*",
    "\\\\host\\share",
]

TEXTS: Final = tuple(
    [*_MARKUP, *(end + _MARKUP[2] for end in _BREAKS), *_TEMPLATES, *_TERMINALS, *_PROGRAMS]
    + [f"a cat{mark}gnp.exe" for mark in (*_DIRECTIONS, *_INVISIBLE, *_CONTROLS)]
    + [_MARKUP[number].replace("<", f"<{mark}", 1) for number, mark in enumerate("\0\t\n\f\r/ \x0b\u202e\ufeff")]
    + [_MARKUP[number].swapcase() for number in range(len(_MARKUP))]
    + [
        "\u202e" * 40 + "cat",
        "e" + "\u0301" * 80,
        "W" * 500,
        "\n" * 50,
        "\U0001f468\u200d\U0001f469\u200d\U0001f467" * 20,
    ]
)
