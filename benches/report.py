"""The result file as a page for readers, as a list of bounds held or missed, and as a plot."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import inputs
import peers

Row = tuple[str, ...]

BLUE, ORANGE, GREEN, VIOLET, GREY = "#1f6feb", "#d1651a", "#2a8a4a", "#7a4fb5", "#8a8f98"


def bounds(result: dict[str, Any]) -> list[dict[str, Any]]:
    """Every figure that has a bound: what it is, the figure, the bound, whether it holds."""
    out: list[dict[str, Any]] = []

    def at_most(what: str, value: float, bound: float) -> None:
        out.append({"what": what, "value": value, "bound": f"<= {bound}", "holds": value <= bound})

    def at_least(what: str, value: float, bound: float) -> None:
        out.append({"what": what, "value": value, "bound": f">= {bound}", "holds": value >= bound})

    for text in result.get("texts", []):
        if _size(text["bytes"]) == "100 KB":
            name = f"compress() of 100 KB of {text['kind']}, cold, over one tiktoken count of it"
            at_most(name, text["ratio_to_tiktoken"], 0.5)
    for row in result.get("peers", []):
        if row["peer"] == peers.HEADROOM_AI and row["kind"] in ("log", "json") and row["bytes"] == 100 * inputs.KB:
            at_least(
                f"times faster than {row['peer']} on 100 KB of {row['kind']}, cold",
                row.get("ours_faster", 0),
                15,
            )
    if talk := result.get("conversation"):
        at_most("all turns of a 60-turn conversation over its last request once, cold", talk["ratio"], 3)
    for row in result.get("growth", []):
        at_most(f"time per doubling of size, {_words(row['input'])}", row["slope_per_doubling"], 2.1)
    for row in result.get("memory", []):
        at_most(f"peak memory over 20 MB of input, {_words(row['input'])}", row["peak_over_input"], 6)
    if threads := result.get("threads"):
        at_least("gain of a second thread over that of hashing (BLAKE2b)", threads["ratio"]["blake2b"], 0.9)
    if first := result.get("import"):
        at_most("import above bare Python, ms", first["import_ms"]["cpu"], 30)
        at_most("import above bare Python, MB", first["import_rss_mb"], 10)
        at_most("import and first call, ms", first["import_and_first_call_ms"]["cpu"], 60)
    if size := result.get("installed"):
        at_most("installed, MB", size["mb"], 15)
    return out


def page(result: dict[str, Any]) -> str:
    """The result as Markdown."""
    machine, versions = result["machine"], result["versions"]
    named = ", ".join(f"{name} {version}" for name, version in versions.items())
    parts = [
        f"# Speed, {result['date']}",
        f"{machine['cpu']}, {machine['cores']} cores, {machine['memory_gb']} GB, {machine['system']}; "
        f"load before the run {machine['load_before'][0]}. {named}.",
        "Medians, measured in turns in one run. Single-threaded work is compared by CPU time, so that "
        'other work of the machine counts little; "cold": nothing is remembered from an earlier call.',
    ]
    if held := result.get("bounds"):
        missed = [b for b in held if not b["holds"]]
        parts.append(f"## Bounds\n\n{len(held) - len(missed)} of {len(held)} hold.")
        if missed:
            rows = [(b["what"], str(b["value"]), b["bound"]) for b in missed]
            parts.append("Missed:\n\n" + table(("what", "measured", "bound"), rows))
    if texts := result.get("texts"):
        parts.append(_texts(texts))
    if rows := result.get("peers"):
        parts.append(_peers(rows))
    if talk := result.get("conversation"):
        parts.append(_conversation(talk))
    if growth := result.get("growth"):
        parts.append(_growth(growth, {m["input"]: m for m in result.get("memory", [])}))
    parts.append(_rest(result))
    return "\n\n".join(parts) + "\n"


def summary(result: dict[str, Any]) -> str:
    """The table for the README: 100 KB of each kind."""
    faster = {
        (row["peer"], row["kind"]): row.get("ours_faster")
        for row in result.get("peers", [])
        if row["bytes"] == 100 * inputs.KB
    }
    rows = [
        (
            text["kind"],
            _percent(text["saved"]),
            f"{text['times']['cold']['cpu_ms']:.1f} ms",
            f"{text['ratio_to_tiktoken']:.2f}x",
            f"{text['warm_to_tiktoken']:.3f}x",
            _times(faster.get((peers.HEADROOM_AI, text["kind"]))),
            _times(faster.get((peers.LITELLM, text["kind"]))),
        )
        for text in result["texts"]
        if _size(text["bytes"]) == "100 KB"
    ]
    heads = (
        "100 KB of",
        "saved",
        "cold",
        "over one tiktoken count",
        "seen before",
        "headroom-ai 0.42.0 takes",
        "litellm.compression takes",
    )
    return table(heads, rows)


def table(heads: Row, rows: Iterable[Row]) -> str:
    """A Markdown table; the first column to the left, the others to the right."""
    lines = ["| " + " | ".join(heads) + " |", "|---|" + "---:|" * (len(heads) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def _texts(texts: list[dict[str, Any]]) -> str:
    rows = []
    for text in texts:
        times = text["times"]
        wrong = [name for name, right in text["correct"].items() if not right]
        rows.append(
            (
                f"{text['kind']} {_size(text['bytes'])}",
                text["recognised"],
                _percent(text["saved"]),
                _ms(times["cold"]["cpu_ms"]),
                _ms(times["cold_all_threads"]["wall_ms"]),
                _ms(times["warm"]["cpu_ms"]),
                _ms(times["count"]["cpu_ms"]),
                _ms(times["tiktoken"]["cpu_ms"]),
                f"{text['ratio_to_tiktoken']:.2f}",
                _ms(times["pure_python"]["cpu_ms"]) if "pure_python" in times else "",
                ", ".join(wrong) or "yes",
            )
        )
    heads = (
        "text",
        "seen as",
        "saved",
        "cold, ms",
        "all threads, wall ms",
        "warm, ms",
        "count, ms",
        "tiktoken, ms",
        "cold / tiktoken",
        "pure Python, ms",
        "correct",
    )
    return (
        "## Beside one tiktoken count of the same text\n\n"
        "`compress()` of a question, a call and its output, counting before and after included.\n\n"
        + table(heads, rows)
    )


def _peers(rows: list[dict[str, Any]]) -> str:
    out = []
    for row in rows:
        if "error" in row:
            out.append((row["peer"], f"{row.get('kind', '')} {_size(row.get('bytes', 0))}", row["error"], "", "", ""))
            continue
        out.append(
            (
                row["peer"],
                f"{row['kind']} {_size(row['bytes'])}",
                _ms(min(row["times"]["wall_ms"], row["times"]["cpu_ms"])),
                _ms(row["ours"]["cpu_ms"]),
                _times(row["ours_faster"]),
                _percent(row["saved"]),
            )
        )
    return (
        "## Beside peers, cold\n\nTexts that neither side has seen, in turns; the smaller of a peer's wall "
        "and CPU time. litellm.compression is told to halve the tokens.\n\n"
        + table(("peer", "text", "its ms", "ours, ms", "ours is faster", "it saves"), out)
    )


def _conversation(talk: dict[str, Any]) -> str:
    times = talk["times"]
    return (
        f"## A conversation\n\n{talk['turns']} turns, {talk['bytes'] / 1000:.0f} KB of tool outputs, "
        f"every turn sends all so far ({talk['bytes_sent'] / 1e6:.1f} MB in all): "
        f"{_ms(times['all_turns']['cpu_ms'])} ms for all turns, "
        f"{_ms(times['last_cold']['cpu_ms'])} ms for the last request once, cold: {talk['ratio']}x. Saved "
        f"{_percent(talk['saved'])}. Every turn's output begins with that of the turn before: "
        f"{'yes' if talk['correct']['prefix_stable'] else 'NO'}."
    )


def _growth(rows: list[dict[str, Any]], memory: dict[str, dict[str, Any]]) -> str:
    sizes = list(rows[0]["times"])
    out = []
    for row in rows:
        peak = memory.get(row["input"])
        out.append(
            (
                _words(row["input"]) + (" (hostile)" if row["hostile"] else ""),
                *(_ms(row["times"][size]["cpu_ms"]) for size in sizes),
                f"{row['slope_per_doubling']:.2f}",
                f"{peak['peak_over_input']:.1f}x" if peak else "",
                f"{peak['string_over_input']:.1f}x" if peak and "string_over_input" in peak else "",
                row["reason"],
            )
        )
    heads = (
        "input",
        *(f"{_size(int(size))}, ms" for size in sizes),
        "per doubling",
        "peak memory at 20 MB",
        "of it the text",
        "outcome",
    )
    return (
        "## Growth and memory\n\nOne thread, cold. Memory is above the loaded library "
        "and includes the input itself, as Python holds it: with one emoji in it, a string takes four bytes "
        "for every character, and one for each of its UTF-8.\n\n" + table(heads, out)
    )


def _rest(result: dict[str, Any]) -> str:
    rows: list[Row] = []
    if first := result.get("import"):
        rows.append(
            (
                "`import headroom`, above bare Python",
                f"{first['import_ms']['cpu']} ms, {first['import_rss_mb']} MB",
            )
        )
        rows.append(
            (
                "import and first call",
                f"{first['import_and_first_call_ms']['cpu']} ms, {first['first_call_rss_mb']} MB",
            )
        )
    if size := result.get("installed"):
        rows.append(("installed", f"{size['mb']} MB"))
    if threads := result.get("threads"):
        rows.append(
            (
                "a second thread, inner parallelism off",
                f"{threads['gain']['compress']}x; counting alone {threads['gain']['count']}x; "
                + "; ".join(f"{name} {threads['gain'][name]}x: {ratio}" for name, ratio in threads["ratio"].items()),
            )
        )
    return "## The rest\n\n" + table(("what", "measured"), rows)


def plot(result: dict[str, Any], path: Path) -> None:
    """Time over size on log axes, one panel per kind."""
    import matplotlib

    matplotlib.use("svg")
    import matplotlib.pyplot as plt

    matplotlib.rcParams.update(
        {"svg.hashsalt": "headroom", "font.family": "sans-serif", "font.size": 9, "svg.fonttype": "none"}
    )
    figure, axes = plt.subplots(2, 3, figsize=(10, 6), sharex=True, sharey=True)
    for axis, kind in zip(axes.flat, inputs.KINDS, strict=True):
        texts = [t for t in result["texts"] if t["kind"] == kind]
        series = [
            ("headroom, cold", [(t["bytes"], t["times"]["cold"]["cpu_ms"]) for t in texts], BLUE, "o-"),
            (
                "headroom, seen before",
                [(t["bytes"], t["times"]["warm"]["cpu_ms"]) for t in texts],
                BLUE,
                "o:",
            ),
            (
                "tiktoken, one count",
                [(t["bytes"], t["times"]["tiktoken"]["cpu_ms"]) for t in texts],
                GREY,
                "s--",
            ),
        ]
        for peer, colour, style in ((peers.HEADROOM_AI, ORANGE, "^-"), (peers.LITELLM, GREEN, "v-")):
            rows = [r for r in result.get("peers", []) if r["peer"] == peer and r.get("kind") == kind and "times" in r]
            points = [(r["bytes"], min(r["times"]["wall_ms"], r["times"]["cpu_ms"])) for r in rows]
            series.append((f"{peer}, cold", points, colour, style))
        pure = [(t["bytes"], t["times"]["pure_python"]["cpu_ms"]) for t in texts if "pure_python" in t["times"]]
        series.append(("the same selection in Python", pure, VIOLET, "d-"))
        for label, points, colour, style in series:
            if points:
                xs, ys = zip(*sorted(points), strict=True)
                axis.plot(xs, ys, style, color=colour, label=label, markersize=4, linewidth=1.4)
        axis.set_title(kind, loc="left", fontweight="bold")
        axis.set_xscale("log")
        axis.set_yscale("log")
        axis.set_xticks([10**4, 10**5, 10**6, 2 * 10**7], ["10 KB", "100 KB", "1 MB", "20 MB"])
        axis.set_yticks(
            [0.01, 0.1, 1, 10, 100, 1000, 10**4], ["10 µs", "0.1 ms", "1 ms", "10 ms", "0.1 s", "1 s", "10 s"]
        )
        axis.minorticks_off()
        axis.grid(True, color="#e3e6ea", linewidth=0.6)
        axis.set_axisbelow(True)
        for side in ("top", "right"):
            axis.spines[side].set_visible(False)
    handles, labels = axes.flat[0].get_legend_handles_labels()
    figure.legend(handles, labels, loc="lower center", ncol=3, frameon=False)
    figure.suptitle("Time to compress, over the size of the text (one thread)", x=0.01, ha="left", fontsize=11)
    figure.tight_layout(rect=(0, 0.08, 1, 1))
    figure.savefig(path, metadata={"Date": None})
    plt.close(figure)


def _size(count: int) -> str:
    """10 KB, 100 KB, 1 MB, ...: the round size that a text was cut to."""
    for size in (10 * inputs.KB, 100 * inputs.KB, inputs.MB, 20 * inputs.MB):
        if 0.9 * size <= count <= size:
            return _size_words(size)
    return _size_words(count)


def _size_words(count: int) -> str:
    return f"{count / inputs.MB:g} MB" if count >= inputs.MB else f"{count / inputs.KB:g} KB"


def _words(name: str) -> str:
    return name.replace("_", " ")


def _ms(value: float) -> str:
    return f"{value:.0f}" if value >= 100 else f"{value:.1f}" if value >= 10 else f"{value:.2f}"


def _percent(share: float) -> str:
    return f"{100 * share:.1f} %"


def _times(factor: float | None) -> str:
    return "" if factor is None else f"{factor:.0f}x" if factor >= 10 else f"{factor:.1f}x"
