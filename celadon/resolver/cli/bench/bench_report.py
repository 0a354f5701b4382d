"""A benchmark's measures as text for people, as CSV, and in Prometheus' text form."""

from __future__ import annotations

from .measures import Measures


def as_text(measures: Measures) -> str:
    """The report as dnspyre prints it."""
    told = measures.report()
    times = told["latencyStats"]
    lines = [
        f"Total requests:\t\t{told['totalRequests']}",
        f"Read/Write errors:\t{told['totalErrors']}",
        f"ID mismatch errors:\t{told['totalIDmismatch']}",
        f"DNS success responses:\t{told['totalSuccessCodes']}",
        f"Truncated responses:\t{told['totalTruncatedResponses']}",
        "",
        "DNS response codes:",
        *(f"\t{name}:\t{count}" for name, count in sorted(told["responseRcodes"].items())),
        "",
        "DNS question types:",
        *(f"\t{name}:\t{count}" for name, count in sorted(told["questionTypes"].items())),
        "",
        f"Time taken for tests:\t{told['benchmarkDurationSeconds']}s",
        f"Questions per second:\t{told['queriesPerSecond']}",
        "",
        f"DNS timings, {measures.latencies.count} datapoints",
        f"\t min:\t\t{times['minMs']}ms",
        f"\t mean:\t\t{times['meanMs']}ms",
        f"\t [+/-sd]:\t{times['stdMs']}ms",
        f"\t max:\t\t{times['maxMs']}ms",
        *(f"\t p{part}:\t\t{times[f'p{part}Ms']}ms" for part in (99, 95, 90, 75, 50)),
    ]
    return "".join(f"{line}\n" for line in lines)


def as_csv(measures: Measures) -> str:
    """The distribution of latencies: bounds in milliseconds, and how many."""
    rows = (f"{low * 1000:.4f},{high * 1000:.4f},{count}" for low, high, count in measures.latencies.rows())
    return "".join(f"{line}\n" for line in ("From (ms),To (ms),Count", *rows))


def as_prometheus(measures: Measures) -> str:
    """Counters and a summary, in Prometheus' text form (version 0.0.4)."""
    times = measures.latencies
    lines: list[str] = []

    def metric(name: str, kind: str, text: str, *samples: tuple[str, object]) -> None:
        lines.append(f"# HELP {name} {text}")
        lines.append(f"# TYPE {name} {kind}")
        lines.extend(f"{name}{labels} {value}" for labels, value in samples)

    metric("resolve_bench_requests_total", "counter", "Questions asked, by type.",
           *((f'{{type="{name}"}}', count) for name, count in sorted(measures.types.items())))  # fmt: skip
    metric("resolve_bench_responses_total", "counter", "Answers, by response code.",
           *((f'{{rcode="{name}"}}', count) for name, count in sorted(measures.rcodes.items())))  # fmt: skip
    metric("resolve_bench_errors_total", "counter", "Questions without an answer.", ("", measures.errors))
    metric("resolve_bench_id_mismatches_total", "counter", "Replies that nobody asked for.", ("", measures.mismatches))
    metric("resolve_bench_truncated_total", "counter", "Truncated answers.", ("", measures.truncated))
    metric("resolve_bench_duration_seconds", "gauge", "How long the run took.", ("", round(measures.took, 6)))
    name = "resolve_bench_latency_seconds"
    quantiles = [(f'{{quantile="{part}"}}', round(times.quantile(part), 9)) for part in (0.5, 0.75, 0.9, 0.95, 0.99)]
    metric(name, "summary", "Time from a question to its answer.", *quantiles)
    lines += [f"{name}_sum {times.mean * times.count:.9f}", f"{name}_count {times.count}"]
    return "".join(f"{line}\n" for line in lines)
