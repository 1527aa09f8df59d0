"""The application's web pages as HTML, without scripts and external resources."""

from __future__ import annotations

import time
from typing import TYPE_CHECKING
from urllib.parse import quote

from yarnhub.appmaster.shell.web.html import Html, join, tag
from yarnhub.control.words import adds_detail, brief, describe

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    from yarnhub.appmaster.shell.web.views import (
        ContainerView,
        KeysView,
        Link,
        Origin,
        Overview,
        ServiceView,
    )
    from yarnhub.control.outcomes import Outcome

_REFRESH = 15
"""Seconds after which browsers reload an overview."""
_MAX_VALUE = 4096
"""The maximum number of characters of a value."""

ICON = (
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 8 8"><rect width="8" height="8" rx="2"'
    ' fill="#0b62c4"/><path d="M2 2l2 2.2L6 2M4 4.2V6.4" stroke="#fff" fill="none"/></svg>'
)

_STYLE = Html("""\
:root{color-scheme:light dark;--back:#f4f6f8;--card:#fff;--text:#1b2430;--dim:#5a6878;\
--line:#dfe4ea;--run:#0b62c4;--good:#18794e;--bad:#c02626;--warn:#8f5b00}
@media(prefers-color-scheme:dark){:root{--back:#11151a;--card:#1a2027;--text:#e6ebf0;\
--dim:#98a5b3;--line:#2d3641;--run:#70b4ff;--good:#63d297;--bad:#ff8a8a;--warn:#e9b65f}}
*{box-sizing:border-box}
body{margin:0 auto;max-width:76rem;padding:1.2rem;background:var(--back);color:var(--text);\
font:15px/1.5 system-ui,sans-serif}
a{color:var(--run);text-decoration:none}a:hover{text-decoration:underline}
h1,h2{margin:0;font-size:1.5rem;line-height:1.3;overflow-wrap:anywhere}h2{font-size:1.1rem}
code,pre{font:13px/1.55 ui-monospace,monospace;overflow-wrap:anywhere}
.row{display:flex;flex-wrap:wrap;gap:.3rem .9rem;align-items:center}
.dim,th,dt{color:var(--dim)}
nav{margin:.7rem 0 1rem;border-bottom:1px solid var(--line);gap:0!important}
nav a{padding:.4rem .9rem;margin-bottom:-1px;border-bottom:2px solid transparent}
nav [aria-current]{color:var(--text);border-color:var(--run);font-weight:600}
section,dl{background:var(--card);border:1px solid var(--line);border-radius:10px;\
padding:.9rem 1.1rem;margin:0 0 1rem}
dl{display:grid;grid-template-columns:repeat(auto-fill,minmax(10.5rem,1fr));gap:.9rem}
dl div{min-width:0}dt{font-size:.8rem}dd{margin:0;overflow-wrap:anywhere}
table{width:100%;border-collapse:collapse;margin-top:.7rem}
th,td{text-align:left;vertical-align:top;padding:.35rem .8rem .35rem 0;\
border-top:1px solid var(--line)}
th{font-weight:500;font-size:.8rem;border:0}
td{font-variant-numeric:tabular-nums;overflow-wrap:anywhere}
table{table-layout:fixed;min-width:44rem}
th:first-child{width:18%}th:nth-child(3){width:9%}th:last-child{width:36%}
summary{cursor:pointer}details p{margin:.3rem 0;font-size:.85rem}
.scroll{overflow-x:auto}
pre{margin:0;max-height:16rem;overflow:auto;white-space:pre-wrap}
.s{font-size:.8rem;font-weight:600;white-space:nowrap;color:var(--dim)}
.s:before{content:"";display:inline-block;width:.55em;height:.55em;border-radius:50%;\
background:currentColor;margin-right:.4em}
.RUNNING{color:var(--run)}.SUCCEEDED{color:var(--good)}.FAILED{color:var(--bad)}\
.KILLED{color:var(--warn)}
progress{width:100%;height:.5rem;accent-color:var(--run)}
input,button{font:inherit;padding:.3rem .6rem;border:1px solid var(--line);border-radius:6px;\
background:var(--back);color:inherit}
""")


def overview_page(view: Overview) -> Html:
    """The first page."""
    figures = (
        ("User", view.user),
        ("Queue", view.queue),
        ("Runtime", duration(view.runtime)),
        ("Started", time.strftime("%Y-%m-%d %H:%M UTC", time.gmtime(view.start_time))),
        ("Memory", memory(view.memory)),
        ("Cores", view.vcores),
        ("Progress", _progress(view.progress)),
        ("ApplicationMaster", join(*_spaced(_link(each) for each in view.logs))),
    )
    content = [
        tag("dl", *(tag("div", tag("dt", key), tag("dd", value)) for key, value in figures)),
        *(_service(each) for each in view.services),
    ]
    if view.diagnostics:
        content.insert(0, tag("section", view.diagnostics))
    refresh = _REFRESH if view.state == "RUNNING" else None
    return _frame("Overview", join(*content), view, view.pages, _state(view.state), refresh=refresh)


def keys_page(view: KeysView) -> Html:
    """The key-value store."""
    form = Html(
        '<form class="row"><label>Keys that begin with <input name="prefix" '
        f'value="{join(view.prefix)}"></label><button>Show</button></form>'
    )
    rows = (
        tag(
            "tr",
            tag("td", tag("code", entry.key)),
            tag("td", entry.owner or ""),
            tag("td", f"{len(entry.value)} B"),
            tag("td", "" if view.secret else _value(entry.value)),
        )
        for entry in view.entries
    )
    head = tag("tr", *(tag("th", each) for each in ("Key", "Owner", "Size", "Value")))
    table = tag("div", tag("table", tag("thead", head), tag("tbody", *rows)), class_="scroll")
    found = "1 key" if view.count == 1 else f"{view.count} keys"
    if len(view.entries) < view.count:
        found += f", of which the first {len(view.entries)} are shown"
    content = tag(
        "section",
        form,
        tag("p", found, class_="dim"),
        tag("p", view.secret) if view.secret else "",
        table if view.entries else "",
    )
    return _frame("Key-value store", content, view, view.pages)


def message_page(title: str, text: str, origin: Origin, root: str = "./") -> Html:
    """A page with an error.

    Args:
        title: The title.
        text: The problem and what to do.
        origin: The application.
        root: The relative URL of the first page's folder.
    """
    return _frame(title, tag("section", tag("h2", title), tag("p", text)), origin, (), root=root)


def _frame(
    title: str,
    content: Html,
    whose: Overview | KeysView | Origin,
    pages: Sequence[Link],
    beside: object = "",
    *,
    root: str = "./",
    refresh: int | None = None,
) -> Html:
    places = [("Overview", "overview"), ("Key-value store", "kv")]
    places += [(page.name, quote(page.address)) for page in pages]
    links = [
        tag("a", name, href=root + path, aria_current="page" if name == title else None)
        for name, path in places
    ]
    again = Html(f'<meta http-equiv="refresh" content="{refresh}">') if refresh else ""
    return join(
        Html('<!doctype html><html lang="en"><head><meta charset="utf-8">'),
        Html('<meta name="viewport" content="width=device-width">'),
        again,
        tag("title", f"{title} · {whose.name}"),
        Html(f'<link rel="icon" href="{root}favicon.ico"><style>{_STYLE}</style></head><body>'),
        tag(
            "header",
            tag("div", tag("h1", whose.name), beside, class_="row"),
            tag("code", whose.id, class_="dim"),
        ),
        tag("nav", *links, class_="row", title=None if pages else "No service pages available"),
        content,
        Html("</body></html>"),
    )


def _service(service: ServiceView) -> Html:
    counts = (
        _state(name, f"{number} {name.lower()}")
        for name, number in service.counts.items()
        if number
    )
    names = ("Container", "State", "Runtime", "Node", "Log", "How it ended")
    table = tag(
        "table",
        tag("thead", tag("tr", *(tag("th", each) for each in names))),
        tag("tbody", *map(_container, service.containers)),
    )
    more = tag("p", f"and {service.more} more", class_="dim") if service.more else ""
    return tag(
        "section",
        tag("div", tag("h2", service.name), *counts, class_="row"),
        tag("div", table, class_="scroll")
        if service.containers
        else tag("span", "no containers", class_="dim"),
        more,
    )


def _container(view: ContainerView) -> Html:
    cells = (
        tag("code", view.id),
        _state(view.state.value),
        "" if view.runtime is None else duration(view.runtime),
        view.node,
        _link(view.log) if view.log else "",
        _end(view.outcome) if view.outcome else "",
    )
    return tag("tr", *(tag("td", each) for each in cells))


def _end(outcome: Outcome) -> object:
    """The description of an end, with YARN's own diagnostics collapsed."""
    if not adds_detail(outcome):
        return describe(outcome)
    said = tag("p", f"YARN reports: {outcome.raw}", class_="dim")
    return tag("details", tag("summary", brief(outcome)), said)


def _state(name: str, text: str = "") -> Html:
    return tag("span", text or name.lower(), class_=f"s {name}")


def _link(link: Link) -> Html:
    return tag("a", link.name, href=link.address)


def _spaced(parts: Iterable[Html]) -> Iterable[object]:
    for part in parts:
        yield part
        yield Html("<br>")


def _progress(progress: float | None) -> object:
    if progress is None:
        return "N/A"
    return join(f"{progress:.0%}", tag("progress", max=1, value=f"{progress:.3f}"))


def _value(value: bytes) -> Html:
    try:
        text = value.decode()
    except UnicodeDecodeError:
        return tag("span", "<binary value>", class_="dim")
    more = f"… ({len(text)} characters)" if len(text) > _MAX_VALUE else ""
    return tag("pre", text[:_MAX_VALUE] + more)


def duration(seconds: float) -> str:
    """Such as `1h 40m`, `10m` or `6s`."""
    minutes, rest = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    if hours:
        return f"{hours}h {minutes}m"
    return f"{minutes}m" if minutes else f"{rest}s"


def memory(mebibytes: int) -> str:
    """Such as `512 MiB` or `1.5 GiB`."""
    if mebibytes < 1024:
        return f"{mebibytes} MiB"
    return f"{mebibytes / 1024:.1f} GiB".replace(".0", "")
